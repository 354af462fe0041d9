//! Reads the users of a file one by one, with the numbers of their lines.

use std::io::{BufRead as _, BufReader, Read};

use csv::ByteRecord;

use super::line::{from_csv, from_json};
use crate::cli::CommandError;
use crate::cli::user::format::{FIELDS, Format};
use crate::clock::Timestamp;
use crate::store::user::Import;

/// What spreadsheets write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Maximum length of one user in bytes.
const LENGTH_MAX: usize = 1 << 20;

/// A line with a user, or the reason why there is none on it.
pub struct Line {
    /// From 1 on. Of several lines, the first.
    pub number: u64,
    /// The user, or what is wrong.
    pub user: Result<Import, String>,
}

/// The users of a file.
pub struct Records<R> {
    texts: Texts<R>,
    /// The names of the columns of CSV.
    header: Option<Vec<String>>,
    now: Timestamp,
}

impl<R: Read> Records<R> {
    /// Begins to read. Times of creation after `now` are refused.
    pub fn new(input: R, format: Format, now: Timestamp) -> Result<Self, CommandError> {
        let mut texts = Texts {
            reader: BufReader::new(input),
            lines: 0,
            has_quotes: format == Format::Csv,
        };
        let header = match format {
            Format::Jsonl => None,
            Format::Csv => {
                let (number, text) = texts.next()?.unwrap_or((1, Vec::new()));
                let names = header(&text).map_err(|why| {
                    let known = FIELDS.join(", ");
                    CommandError::new(format!(
                        "line {number}: {why}; nothing was changed. The first line names the columns, separated by \
                         commas: some of {known}"
                    ))
                })?;
                Some(names)
            }
        };
        Ok(Self { texts, header, now })
    }

    /// The next user.
    pub fn read(&mut self) -> Result<Option<Line>, CommandError> {
        let now = self.now;
        let line = self.texts.next()?.map(|(number, text)| Line {
            number,
            user: match &self.header {
                None => from_json(&text, now),
                Some(header) => record(&text).and_then(|record| from_csv(header, &record, now)),
            },
        });
        Ok(line)
    }
}

/// The texts of users, each with the number of its first line.
///
/// The crate csv reads one at a time, because its own numbers are wrong after an empty line and after CR LF.
struct Texts<R> {
    reader: BufReader<R>,
    /// The number of lines that were read.
    lines: u64,
    /// Whether a text continues on the next line while a quotation mark is open.
    has_quotes: bool,
}

impl<R: Read> Texts<R> {
    /// The next text that is not empty.
    fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, CommandError> {
        let mut text = Vec::new();
        let mut first = self.lines + 1;
        let mut is_open = false;
        while self.read_line(&mut text, &mut is_open)? {
            self.lines += 1;
            if self.lines == 1 && text.starts_with(BYTE_ORDER_MARK) {
                text.drain(..BYTE_ORDER_MARK.len());
            }
            if is_open {
                continue;
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some((first, text)));
            }
            text.clear();
            first = self.lines + 1;
        }
        Ok((!text.is_empty()).then_some((first, text)))
    }

    /// Adds a line; returns whether there is one.
    fn read_line(&mut self, text: &mut Vec<u8>, is_open: &mut bool) -> Result<bool, CommandError> {
        let before = text.len();
        let limit = LENGTH_MAX.saturating_sub(before);
        let mut rest = self
            .reader
            .by_ref()
            .take(u64::try_from(limit).unwrap_or(u64::MAX));
        rest.read_until(b'\n', text)?;
        if text.len() >= LENGTH_MAX {
            return Err(CommandError::new(format!(
                "line {}: the user on it, or a value in quotation marks, is longer than {LENGTH_MAX} bytes",
                self.lines + 1
            )));
        }
        let added = text.get(before..).unwrap_or_default();
        if self.has_quotes && has_odd_quotes(added) {
            *is_open = !*is_open;
        }
        Ok(text.len() > before)
    }
}

/// The names of the columns. Unknown ones are not repeated: a file without a header has a user there.
fn header(text: &[u8]) -> Result<Vec<String>, String> {
    let mut header: Vec<String> = Vec::new();
    for (column, name) in record(text)?.iter().enumerate() {
        let name = str::from_utf8(name).unwrap_or_default().trim();
        let column = column + 1;
        if !FIELDS.contains(&name) {
            return Err(format!("column {column} has no known name"));
        }
        if header.iter().any(|other| other == name) {
            return Err(format!(
                "column {column} is the second one with the name {name}"
            ));
        }
        header.push(name.to_owned());
    }
    if header.iter().any(|name| name == "username") {
        Ok(header)
    } else {
        Err("there is no column username".to_owned())
    }
}

/// Whether one quotation mark is without another.
fn has_odd_quotes(text: &[u8]) -> bool {
    text.iter()
        .fold(false, |is_odd, byte| is_odd != (*byte == b'"'))
}

/// The values of one record of CSV.
fn record(text: &[u8]) -> Result<ByteRecord, String> {
    if has_odd_quotes(text) {
        return Err("a quotation mark is not closed".to_owned());
    }
    let mut builder = csv::ReaderBuilder::new();
    let builder = builder.has_headers(false).flexible(true);
    let mut reader = builder.buffer_capacity(text.len().max(1)).from_reader(text);
    let (mut record, mut other) = (ByteRecord::new(), ByteRecord::new());
    let read = reader.read_byte_record(&mut record);
    match read.and_then(|_| reader.read_byte_record(&mut other)) {
        Ok(false) => Ok(record),
        Ok(true) => Err("there is a carriage return without a line feed".to_owned()),
        Err(_) => Err("the line is not CSV".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: Format) -> Vec<(u64, Result<String, String>)> {
        let now = Timestamp::from_micros(0);
        let mut records = Records::new(text.as_bytes(), format, now).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = records.read().unwrap() {
            lines.push((line.number, line.user.map(|user| user.username)));
        }
        lines
    }

    fn found(lines: &[(u64, &str)]) -> Vec<(u64, Result<String, String>)> {
        let lines = lines.iter();
        lines
            .map(|(number, name)| (*number, Ok((*name).to_owned())))
            .collect()
    }

    #[test]
    fn lines_are_counted_with_the_empty_ones() {
        let text =
            "\u{feff}{\"username\":\"a\"}\n\n \n{\"username\":\"b\"}\r\n{\"username\":\"c\"}";
        assert_eq!(
            read(text, Format::Jsonl),
            found(&[(1, "a"), (4, "b"), (5, "c")])
        );
        assert_eq!(read("", Format::Jsonl), []);
        for end in ["\n", "\r\n"] {
            let text =
                "\u{feff}username,name\n\na,A\n\n\nb,\"\"\nc,\"C, D\"\nd,D\n".replace('\n', end);
            let expected = found(&[(3, "a"), (6, "b"), (7, "c"), (8, "d")]);
            assert_eq!(read(&text, Format::Csv), expected);
        }
    }

    #[test]
    fn a_value_in_quotation_marks_may_have_commas_marks_and_line_ends() {
        let text = "username,roles\na,\"x\ny\"\n\"b\",\"z\"\n\"c\"\"\",\n";
        let expected = found(&[(2, "a"), (4, "b"), (5, "c\"")]);
        assert_eq!(read(text, Format::Csv), expected);
        let lines = read("username,name\na,A\nb,\"B\nc,C\n", Format::Csv);
        assert_eq!(
            lines[1],
            (3, Err("a quotation mark is not closed".to_owned()))
        );
        let lines = read("username,name\na,A,B\nb\nc,C\rd,D\n", Format::Csv);
        let message = |place: usize| lines[place].1.clone().unwrap_err();
        assert!(message(0).starts_with("the line has 3 values, and the header has 2"));
        assert!(message(1).starts_with("the line has 1 values"));
        assert!(message(2).starts_with("there is a carriage return"));
    }

    #[test]
    fn a_file_without_a_proper_header_is_refused_and_not_repeated() {
        for (text, message) in [
            ("", "line 1: there is no column username"),
            (
                "\n\nbob,$2a$05$secret\n",
                "line 3: column 1 has no known name",
            ),
            ("username;name\n", "line 1: column 1 has no known name"),
            (
                "username,name,username\n",
                "line 1: column 3 is the second one",
            ),
            ("id,name\n", "line 1: there is no column username"),
            ("\"username\n", "line 1: a quotation mark is not closed"),
        ] {
            let records = Records::new(text.as_bytes(), Format::Csv, Timestamp::from_micros(0));
            let error = records.err().unwrap().to_string();
            assert!(error.starts_with(message), "{text:?}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_length_of_a_user_is_limited() {
        for (head, format) in [("", Format::Jsonl), ("username\n\"", Format::Csv)] {
            let text = head.to_owned()
                + &"x\n"
                    .repeat(LENGTH_MAX)
                    .replace('\n', if head.is_empty() { "x" } else { "\n" });
            let mut records =
                Records::new(text.as_bytes(), format, Timestamp::from_micros(0)).unwrap();
            let error = records.read().err().unwrap().to_string();
            assert!(error.contains("is longer than 1048576 bytes"), "{error}");
        }
    }
}
