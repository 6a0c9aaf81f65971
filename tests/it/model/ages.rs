//! Ages on and around the cutoffs, and every garbage an age column has been seen to hold.

use super::clock::{DAY, Nanos, SECOND, Zone, civil_text};
use super::encoding::Encoding;
use super::engine::Engine;
use super::rows::Maker;
use super::schema::{Dice, Value};

/// Milliseconds from a cutoff.
const AROUND: [i64; 15] = [
    0,
    0,
    -1,
    1,
    -1000,
    1000,
    -125,
    125,
    -999,
    -500,
    -3_600_000,
    3_600_000,
    -86_400_000,
    86_400_000,
    -7_200_000,
];

const GARBAGE: [&str; 20] = [
    "N/A",
    "12:00:00",
    "now",
    "2026-02-30 00:00:00",
    "",
    "1600000000",
    "20200301T000000",
    "31/12/2020",
    "2020-13-01",
    "2020-00-10",
    "0000-00-00 00:00:00",
    "yesterday",
    " 2020-01-02 03:04:05",
    "2020-01-02x",
    "2020-01-02 25:00:00",
    "2020-1-2 03:04:05",
    "-2020-01-02",
    "2459000.5x",
    "2020-01-02 03:61:05",
    "Jan 2 2020",
];

impl Maker<'_> {
    /// An age, and what it means.
    pub fn age(
        &mut self,
        dice: &mut Dice,
        kind: &str,
        cutoff: Option<i64>,
    ) -> (Value, Option<Nanos>) {
        if dice.chance(18) {
            return self.special(dice, kind);
        }
        if !self.apart && !self.used.is_empty() && dice.chance(15) {
            return dice.pick(&self.used);
        }
        for _ in 0..20 {
            let at = match cutoff {
                Some(cutoff) if dice.chance(45) => {
                    Nanos::from(cutoff) * SECOND + Nanos::from(dice.pick(&AROUND)) * 1_000_000
                }
                Some(cutoff) if dice.chance(40) => {
                    Nanos::from(cutoff - dice.0.i64(0..20 * DAY)) * SECOND
                }
                _ => {
                    Nanos::from(self.policy.now - dice.0.i64(-10 * DAY..70 * DAY)) * SECOND
                        + Nanos::from(dice.below(1000) as i64) * 1_000_000
                }
            };
            let (value, truth) = self.encode(dice, at);
            let near = |(_, other): &(Value, Option<Nanos>)| {
                other.is_some_and(|other| (other - truth).abs() <= 2 * SECOND)
            };
            if !self.apart || !self.used.iter().any(near) {
                self.used.push((value.clone(), Some(truth)));
                return (value, Some(truth));
            }
        }
        (Value::Null, None)
    }

    fn encode(&self, dice: &mut Dice, at: Nanos) -> (Value, Nanos) {
        let second = at.div_euclid(SECOND) as i64;
        match self.shape.encoding {
            Encoding::Seconds => (Value::Int(second), Nanos::from(second) * SECOND),
            Encoding::RealSeconds => {
                let eighths = at.div_euclid(SECOND / 8);
                (Value::Real(eighths as f64 / 8.0), eighths * (SECOND / 8))
            }
            Encoding::Millis => {
                (Value::Int(at.div_euclid(1_000_000) as i64), at.div_euclid(1_000_000) * 1_000_000)
            }
            Encoding::Instant => (Value::Text(printed(second, at) + "+00"), micros(at)),
            Encoding::Civil(zone) => {
                let civil = zone.civil(second);
                (Value::Text(printed(civil, at)), again(zone, civil, micros(at)))
            }
            Encoding::Date(zone) => date(zone, second),
            Encoding::Text(zone) => {
                let separator = dice.pick(&[' ', 'T']);
                let digits = dice.pick(&[0, 0, 1, 3, 6, 9]);
                let step = 10_i128.pow(9 - digits);
                let truth = at.div_euclid(step) * step;
                let mut fraction = String::new();
                if digits > 0 {
                    fraction = format!(
                        ".{:0width$}",
                        truth.rem_euclid(SECOND) / step,
                        width = digits as usize
                    );
                }
                match dice.below(5) {
                    0 => date(zone, second),
                    1 => (
                        Value::Text(format!("{}{fraction}Z", civil_text(second, separator))),
                        truth,
                    ),
                    2 => {
                        let minutes = dice.pick(&[0, 60, 120, 330, -480, 840, -720, -210]);
                        let sign = if minutes < 0 { '-' } else { '+' };
                        let hours = format!(
                            "{sign}{:02}:{:02}",
                            i64::abs(minutes) / 60,
                            i64::abs(minutes) % 60
                        );
                        (
                            Value::Text(format!(
                                "{}{fraction}{hours}",
                                civil_text(second + minutes * 60, separator)
                            )),
                            truth,
                        )
                    }
                    _ => {
                        let civil = zone.civil(second);
                        let text = format!("{}{fraction}", civil_text(civil, separator));
                        (Value::Text(text), again(zone, civil, truth))
                    }
                }
            }
        }
    }

    /// NULL, garbage, zero, infinity: kept, all of them. And one second after the epoch, which is an age like any other.
    fn special(&self, dice: &mut Dice, kind: &str) -> (Value, Option<Nanos>) {
        if dice.chance(30) {
            return (Value::Null, None);
        }
        let number = 1_600_000_000;
        if self.shape.engine == Engine::Postgres && !self.shape.encoding.is_text() {
            return self.special_typed(dice, kind);
        }
        (
            match self.shape.encoding {
                Encoding::Text(_)
                    if self.shape.engine == Engine::Sqlite
                        && dice.chance(15)
                        && kind != "TEXT"
                        && !kind.starts_with("VARCHAR") =>
                {
                    dice.pick(&[Value::Int(number), Value::Real(2_460_000.5), Value::Int(0)])
                }
                Encoding::Text(_) => match dice.pick(&GARBAGE) {
                    // What a column of numeric affinity makes of text that looks like a number.
                    "1600000000" if kind == "DATETIME" || kind == "TIMESTAMP" => Value::Int(number),
                    text => Value::text(text),
                },
                Encoding::Millis | Encoding::Seconds if dice.chance(20) && !self.apart => {
                    return self.early();
                }
                Encoding::Seconds | Encoding::Millis => dice.pick(&[
                    Value::Int(0),
                    Value::text("N/A"),
                    Value::text("2020-01-01 00:00:00"),
                    Value::text(""),
                    Value::Int(i64::MAX),
                ]),
                Encoding::RealSeconds => dice.pick(&[
                    Value::Real(0.0),
                    Value::Real(f64::INFINITY),
                    Value::Real(f64::NEG_INFINITY),
                    Value::text("now"),
                ]),
                other => panic!("SQLite has no ages of {other:?}"),
            },
            None,
        )
    }

    /// The same of PostgreSQL's types.
    fn special_typed(&self, dice: &mut Dice, kind: &str) -> (Value, Option<Nanos>) {
        let early = dice.chance(25) && !self.apart;
        let value = match self.shape.encoding {
            Encoding::Seconds | Encoding::Millis if early => return self.early(),
            Encoding::Seconds | Encoding::Millis if kind == "integer" => {
                Value::Int(dice.pick(&[0, -5, i64::from(i32::MAX), i64::from(i32::MIN)]))
            }
            Encoding::Seconds | Encoding::Millis => {
                Value::Int(dice.pick(&[0, -5, i64::MAX, i64::MIN]))
            }
            Encoding::RealSeconds => dice.pick(&[
                Value::Real(0.0),
                Value::Real(-1.5),
                Value::Real(f64::INFINITY),
                Value::Real(f64::NEG_INFINITY),
                Value::text("NaN"),
            ]),
            typed if early => {
                // Long before anybody would have kept it, and not what says that there is none.
                let second = dice.pick(&[1, -2 * DAY, -30_000 * DAY]);
                let truth = match typed {
                    Encoding::Date(_) => second - second.rem_euclid(DAY),
                    _ => second,
                };
                return (typed.instant(second), Some(Nanos::from(truth) * SECOND));
            }
            typed => {
                let (time, zone) = match typed {
                    Encoding::Instant => (" 00:00:00", "+00"),
                    Encoding::Civil(_) => (" 00:00:00", ""),
                    _ => ("", ""),
                };
                Value::Text(match dice.below(6) {
                    0 => "infinity".into(),
                    1 => "-infinity".into(),
                    2 => format!("0044-03-15{time}{zone} BC"),
                    3 => format!("12026-01-01{time}{zone}"),
                    4 => format!("0001-01-01{time}{zone}"),
                    _ => format!("294276-12-31{time}{zone}"),
                })
            }
        };
        (value, None)
    }

    fn early(&self) -> (Value, Option<Nanos>) {
        let unit = if self.shape.encoding == Encoding::Millis { SECOND / 1000 } else { SECOND };
        (Value::Int(1), Some(unit))
    }
}

fn micros(at: Nanos) -> Nanos {
    at.div_euclid(1000) * 1000
}

/// As PostgreSQL prints it: a fraction without zeros at its end.
fn printed(civil: i64, at: Nanos) -> String {
    let fraction = format!(".{:06}", at.rem_euclid(SECOND) / 1000);
    civil_text(civil, ' ') + fraction.trim_end_matches('0').trim_end_matches('.')
}

/// What a civil time means: where it happens twice, the later one, with the fraction that it had.
fn again(zone: Zone, civil: i64, at: Nanos) -> Nanos {
    Nanos::from(zone.latest(civil)) * SECOND + at.rem_euclid(SECOND)
}

/// A date, which lasts to its last instant.
fn date(zone: Zone, second: i64) -> (Value, Nanos) {
    let day = zone.civil(second).div_euclid(DAY);
    let end = Nanos::from(zone.instant((day + 1) * DAY)) * SECOND - 1;
    (Value::text(&civil_text(day * DAY, ' ')[..10]), end)
}
