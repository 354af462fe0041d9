//! The trace that a request belongs to: W3C Trace Context. For the log alone, because anyone can send any.

use poem::http::HeaderMap;

/// Lengths of the fields of `traceparent`: version, trace id, parent id, flags.
const LENGTHS: [usize; 4] = [2, 32, 16, 2];

/// Length of the whole header in version 00: the fields and three dashes.
const LENGTH: usize = 55;

/// The trace and the caller's part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Id of the trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// Id of the caller's span: 16 hexadecimal digits.
    pub parent_id: String,
}

impl TraceContext {
    /// The context in the header `traceparent`; `None` if there is none, if it is malformed, or if there are several.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent").iter();
        let value = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value)
    }

    /// "If a higher version is detected, the implementation SHOULD try to parse it", Trace Context §4.3: it begins with
    /// the fields of version 00, and a dash follows if more does.
    fn parse(value: &str) -> Option<Self> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let mut next = |length| fields.next().filter(|field| is_hex(field, length));
        let [version, trace_id, parent_id, flags] = LENGTHS.map(&mut next);
        flags?;
        // "Version `ff` is invalid", §3.2.2.1.
        let version = version.filter(|version| *version != "ff")?;
        let may_follow = version != "00" && rest.starts_with('-');
        if !rest.is_empty() && !may_follow {
            return None;
        }
        Some(Self {
            trace_id: not_zero(trace_id?)?.to_owned(),
            parent_id: not_zero(parent_id?)?.to_owned(),
        })
    }
}

/// "HEXDIGLC = DIGIT / "a" / "b" / "c" / "d" / "e" / "f" ; lowercase hex character", §3.2.2.
fn is_hex(field: &str, length: usize) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    field.len() == length && field.bytes().all(is_digit)
}

/// "All bytes as zero [...] is considered an invalid value", §3.2.2.3 and §3.2.2.4.
fn not_zero(id: &str) -> Option<&str> {
    id.bytes().any(|byte| byte != b'0').then_some(id)
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn is_valid(value: &str) -> bool {
        let parsed = TraceContext::parse(value);
        if let Some(context) = &parsed {
            assert_eq!((&*context.trace_id, &*context.parent_id), (TRACE, PARENT));
        }
        parsed.is_some()
    }

    #[test]
    fn a_header_of_version_00_or_later_is_accepted() {
        for value in [
            format!("00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-ff"),
            format!("01-{TRACE}-{PARENT}-01"),
            format!("cc-{TRACE}-{PARENT}-01-what-the-future-brings"),
            format!("fe-{TRACE}-{PARENT}-01-"),
        ] {
            assert!(is_valid(&value), "{value}");
        }
    }

    #[test]
    fn a_malformed_header_is_ignored() {
        let zeros = "0".repeat(32);
        for value in [
            String::new(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-001"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("01-{TRACE}-{PARENT}-01more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-011"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("0A-{TRACE}-{PARENT}-01"),
            format!("00-{}g-{PARENT}-01", &TRACE[1..]),
            format!("00-{TRACE}-{PARENT}-0x"),
            format!("00-{zeros}-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00_{TRACE}_{PARENT}_01"),
            format!("00-{TRACE}{PARENT}--01"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-é"),
        ] {
            assert!(!is_valid(&value), "{value}");
        }
    }

    #[test]
    fn several_headers_are_ignored() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::read(&headers), None);
        let value = HeaderValue::try_from(format!("00-{TRACE}-{PARENT}-01")).unwrap();
        headers.append("traceparent", value.clone());
        assert!(TraceContext::read(&headers).is_some());
        headers.append("traceparent", value);
        assert_eq!(TraceContext::read(&headers), None);
    }
}
