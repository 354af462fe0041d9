//! Tests of steps, pauses and differences of clocks.

use super::*;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
const START: i64 = 500 * DAY;

fn reading(monotonic: i64, ahead: i64) -> Reading {
    Reading {
        time: Timestamp::from_micros(START + monotonic + ahead),
        monotonic,
    }
}

fn doubt(trust: &Trust, own: Reading) -> Option<Doubt> {
    trust.doubt(own, Limits::MAINTENANCE)
}

#[test]
fn a_step_of_the_clock_causes_doubt_before_it_is_observed() {
    let trust = Trust::new(reading(0, 0));
    assert_eq!(doubt(&trust, reading(HOUR, 59 * SECOND)), None);
    let stepped = Some(Doubt::Stepped(DAY));
    assert_eq!(doubt(&trust, reading(HOUR, DAY)), stepped);
    let stepped = Some(Doubt::Stepped(-DAY));
    assert_eq!(doubt(&trust, reading(HOUR, -DAY)), stepped);
}

#[test]
fn a_step_is_reported_once_and_ends_when_the_clock_is_set_back() {
    let mut trust = Trust::new(reading(0, 0));
    let stepped = Some(Doubt::Stepped(DAY));
    assert_eq!(trust.observe(reading(1, DAY), None), stepped);
    assert_eq!(trust.observe(reading(2, DAY), None), None);
    assert_eq!(doubt(&trust, reading(3, DAY)), stepped);
    assert_eq!(trust.now(reading(3, DAY)), reading(3, 0).time);
    assert_eq!(trust.observe(reading(4, 0), None), None);
    assert_eq!(doubt(&trust, reading(5, 0)), None);
}

#[test]
fn a_step_is_accepted_when_it_lasts() {
    let mut trust = Trust::new(reading(0, 0));
    trust.observe(reading(0, 130 * DAY), None);
    let requests = Limits::of_requests(Duration::from_hours(1));
    let late = |monotonic| reading(monotonic, 130 * DAY);
    assert!(trust.doubt(late(HOUR - 1), requests).is_some());
    assert_eq!(trust.doubt(late(HOUR), requests), None);
    assert!(doubt(&trust, late(DAY - 1)).is_some());
    assert_eq!(trust.observe(late(DAY), None), None);
    assert_eq!(trust.now(late(DAY)), late(DAY).time);
    assert_eq!(doubt(&trust, late(DAY)), None);
}

#[test]
fn another_step_begins_the_doubt_again() {
    let mut trust = Trust::new(reading(0, 0));
    trust.observe(reading(0, DAY), None);
    trust.observe(reading(DAY - 1, 2 * DAY), None);
    assert!(trust.observe(reading(DAY, 2 * DAY), None).is_none());
    assert!(doubt(&trust, reading(DAY, 2 * DAY)).is_some());
}

#[test]
fn drift_is_no_step() {
    let mut trust = Trust::new(reading(0, 0));
    for hours in 1..1000 {
        let own = reading(hours * HOUR, hours * SECOND);
        assert_eq!(trust.observe(own, None), None);
        assert_eq!(doubt(&trust, own), None);
    }
}

#[test]
fn the_clock_of_the_database_server_is_trusted_from_the_start() {
    let own = reading(0, 130 * DAY);
    let mut trust = Trust::new(own);
    assert_eq!(trust.observe(own, Some(reading(0, 0))), None);
    assert_eq!(doubt(&trust, own), Some(Doubt::Apart(130 * DAY)));
    // It lasts while the clocks differ.
    let own = reading(5 * DAY, 130 * DAY);
    assert_eq!(trust.observe(own, Some(reading(5 * DAY, 0))), None);
    assert_eq!(doubt(&trust, own), Some(Doubt::Apart(130 * DAY)));
    assert_eq!(trust.now(own), reading(5 * DAY, 0).time);
    // It ends at once when this node's clock is right.
    assert_eq!(doubt(&trust, reading(5 * DAY, 0)), None);
}

#[test]
fn a_step_of_both_clocks_on_one_machine_causes_doubt() {
    let mut trust = Trust::new(reading(0, 0));
    trust.observe(reading(0, 0), Some(reading(0, 0)));
    let both = reading(HOUR, 40 * DAY);
    let stepped = Some(Doubt::Stepped(40 * DAY));
    assert_eq!(trust.observe(both, Some(both)), stepped);
    assert_eq!(doubt(&trust, both), stepped);
}

#[test]
fn a_start_long_after_the_newest_time_in_the_store_causes_doubt() {
    let mut trust = Trust::new(reading(0, 0));
    let newest = |days| Timestamp::from_micros(START - days * DAY);
    assert_eq!(trust.compare_start(newest(1)), None);
    assert_eq!(doubt(&trust, reading(1, 0)), None);
    let paused = Some(Doubt::Paused(2 * DAY));
    assert_eq!(trust.compare_start(newest(2)), paused);
    assert_eq!(doubt(&trust, reading(1, 0)), paused);
    assert_eq!(trust.observe(reading(2, 0), None), None);
    assert_eq!(doubt(&trust, reading(2, 0)), paused);
    assert_eq!(doubt(&trust, reading(DAY, 0)), None);
}
