//! One value as a database holds it.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A value read from, or bound to, a database.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    /// Text that is not UTF-8, which some drivers write all the same.
    Garbled(Vec<u8>),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// NULL and the two infinities: nothing can be ranked by them.
    pub fn is_unrankable(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Real(real) => !real.is_finite(),
            Self::Integer(_) | Self::Text(_) | Self::Blob(_) | Self::Garbled(_) => false,
        }
    }

    /// SQL's truth of a computed flag; NULL is neither, so it is not true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Integer(integer) => *integer != 0,
            Self::Real(real) => *real != 0.0,
            Self::Null | Self::Text(_) | Self::Blob(_) | Self::Garbled(_) => false,
        }
    }

    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The name by which people know a tenant of this value: a blob by its hexadecimal digits,
    /// a whole number without a fraction. `None` for NULL.
    pub fn name(&self) -> Option<String> {
        self.called().map(Cow::into_owned)
    }

    /// The same, copied only where it has to be written anew.
    pub fn called(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(integer) => integer.to_string().into(),
            Self::Real(real) if real.fract() == 0.0 && real.abs() < 9e15 => {
                format!("{real:.0}").into()
            }
            Self::Real(real) => real.to_string().into(),
            Self::Blob(bytes) | Self::Garbled(bytes) => {
                bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
            }
        })
    }

    /// Appends bytes that are equal exactly for equal values: what key sets and key hashes use.
    pub fn write_identity(&self, out: &mut Vec<u8>) {
        let (tag, bytes): (u8, Vec<u8>) = match self {
            Self::Null => (0, Vec::new()),
            Self::Integer(integer) => (1, integer.to_be_bytes().to_vec()),
            Self::Real(real) => (2, real.to_bits().to_be_bytes().to_vec()),
            Self::Text(text) => (3, text.as_bytes().to_vec()),
            Self::Blob(bytes) => (4, bytes.clone()),
            Self::Garbled(bytes) => (5, bytes.clone()),
        };
        out.push(tag);
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.extend_from_slice(&bytes);
    }

    /// SQLite's order of values under the BINARY collation: numbers, then text, then blobs.
    pub fn compare_binary(&self, other: &Self) -> Ordering {
        fn class(value: &Value) -> u8 {
            match value {
                Value::Null => 0,
                Value::Integer(_) | Value::Real(_) => 1,
                Value::Text(_) | Value::Garbled(_) => 2,
                Value::Blob(_) => 3,
            }
        }
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Self::Real(b)) => compare_exactly(*a, *b),
            (Self::Real(a), Self::Integer(b)) => compare_exactly(*b, *a).reverse(),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Blob(a), Self::Blob(b)) | (Self::Garbled(a), Self::Garbled(b)) => a.cmp(b),
            (Self::Text(a), Self::Garbled(b)) => a.as_bytes().cmp(b),
            (Self::Garbled(a), Self::Text(b)) => a.as_slice().cmp(b.as_bytes()),
            _ => class(self).cmp(&class(other)),
        }
    }
}

/// Without a digit lost: an integer beyond 2^53 is no float, and an order in which it were equal to
/// two of them would be none.
fn compare_exactly(integer: i64, real: f64) -> Ordering {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if real >= END {
        Ordering::Less
    } else if real < -END {
        Ordering::Greater
    } else {
        let whole = integer.cmp(&(real.trunc() as i64));
        whole.then_with(|| 0.0.partial_cmp(&real.fract()).unwrap_or(Ordering::Equal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_as_people_write_it() {
        assert_eq!(Value::Integer(42).name().as_deref(), Some("42"));
        assert_eq!(Value::Real(42.0).name().as_deref(), Some("42"));
        assert_eq!(Value::Blob(vec![0xab, 1]).name().as_deref(), Some("ab01"));
        assert_eq!(Value::Null.name(), None);
    }

    #[test]
    fn identities_of_different_values_never_meet() {
        let identity = |values: &[Value]| {
            let mut bytes = Vec::new();
            for value in values {
                value.write_identity(&mut bytes);
            }
            bytes
        };
        let shifted = [Value::text("a"), Value::text("bc")];
        assert_ne!(identity(&shifted), identity(&[Value::text("ab"), Value::text("c")]));
        assert_ne!(identity(&[Value::Integer(1)]), identity(&[Value::Real(1.0)]));
        assert_ne!(identity(&[Value::text("1")]), identity(&[Value::Blob(b"1".to_vec())]));
    }

    #[test]
    fn integers_beyond_the_digits_of_a_float_keep_their_order() {
        let order = |one: Value, other: Value| one.compare_binary(&other);
        let big = 9_007_199_254_740_992;
        assert_eq!(order(Value::Integer(big + 1), Value::Real(big as f64)), Ordering::Greater);
        assert_eq!(order(Value::Real(big as f64), Value::Integer(big + 1)), Ordering::Less);
        assert_eq!(order(Value::Integer(i64::MAX), Value::Real(9.3e18)), Ordering::Less);
        assert_eq!(order(Value::Integer(i64::MIN), Value::Real(-9.3e18)), Ordering::Greater);
        assert_eq!(order(Value::Integer(-1), Value::Real(-1.5)), Ordering::Greater);
        assert_eq!(order(Value::Integer(2), Value::Real(2.0)), Ordering::Equal);
    }
}
