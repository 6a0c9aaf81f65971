//! What a case's policy says of windows, and what its tenants are called.

use super::clock::Window;
use super::schema::Dice;
use super::shape::{Shape, Tenancy};

#[derive(Clone, Debug)]
pub enum Origin {
    Orgs {
        kind: bool,
    },
    Settings,
    /// None: the policy names a ConfigMap that does not exist.
    ConfigMap(Option<Vec<(String, String)>>),
}

#[derive(Clone, Debug)]
pub struct Source {
    pub name: &'static str,
    /// `Days` or `Hours`; none: the value says its own.
    pub unit: Option<&'static str>,
    pub non_positive: Option<&'static str>,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub struct Windows {
    pub default: Window,
    pub tenants: Vec<(String, Window)>,
    pub sources: Vec<Source>,
    pub start_of_day: bool,
}

/// Tenants as a policy may spell them; the column has them in small letters.
const UUIDS: [&str; 4] = [
    "11111111-2222-4333-8444-555555555555",
    "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE",
    "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "99999999-2222-4333-8444-555555555555",
];

const WINDOWS: [Window; 9] = [
    Window::Of(30, "d"),
    Window::Of(7, "d"),
    Window::Of(2, "w"),
    Window::Of(36, "h"),
    Window::Of(90, "min"),
    Window::Of(5400, "s"),
    Window::Of(1, "mo"),
    Window::Of(2, "mo"),
    Window::Of(1, "y"),
];

impl Windows {
    pub fn holds_tenants(&self) -> bool {
        self.default == Window::Forever || !self.tenants.is_empty() || !self.sources.is_empty()
    }

    pub fn random(dice: &mut Dice, shape: &Shape) -> Windows {
        let default = if dice.chance(8) { Window::Forever } else { dice.pick(&WINDOWS) };
        let mut windows = Windows {
            default,
            tenants: Vec::new(),
            sources: Vec::new(),
            start_of_day: dice.chance(20),
        };
        if shape.tenancy == Tenancy::None {
            if dice.chance(25) {
                windows.sources.push(source(dice, Origin::Settings));
            }
            return windows;
        }
        let names = names(shape.tenancy);
        for name in &names {
            if dice.chance(20) {
                let taken: Vec<_> = windows.tenants.iter().map(|(_, window)| *window).collect();
                let window =
                    if dice.chance(25) { Window::Forever } else { dice.pick(&WINDOWS[..5]) };
                if !taken.contains(&window) {
                    windows.tenants.push(((*name).into(), window));
                }
            }
        }
        if dice.chance(45) {
            let kind = dice.chance(50);
            windows.sources.push(source(dice, Origin::Orgs { kind }));
        }
        if dice.chance(30) {
            let mut source = source(dice, Origin::ConfigMap(None));
            if dice.chance(85) {
                let mut data: Vec<(String, String)> = Vec::new();
                for name in names.iter().filter(|name| {
                    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !name.is_empty()
                }) {
                    let value = match shape.tenancy {
                        // Two spellings of one tenant: what a window and a silence make together is nobody's business.
                        Tenancy::NoCase | Tenancy::Uuid => dice
                            .pick(&if source.unit.is_some() { ["7", "30"] } else { ["7d", "30d"] })
                            .to_owned(),
                        _ => text_value(dice, source.unit.is_some()),
                    };
                    if dice.chance(40) && !data.iter().any(|(_, other)| *other == value) {
                        data.push(((*name).into(), value));
                    }
                }
                source.origin = Origin::ConfigMap(Some(data));
            }
            windows.sources.push(source);
        }
        if dice.chance(50) {
            windows.sources.reverse();
        }
        windows
    }
}

/// What tenants are called, as the policy would have to write it.
pub fn names(tenancy: Tenancy) -> Vec<&'static str> {
    match tenancy {
        Tenancy::None => vec![],
        Tenancy::Integer => vec!["1", "2", "42"],
        Tenancy::Lower => vec!["acme", "beta", "o'brien"],
        Tenancy::Prefix => vec!["ac", "be", "O'"],
        Tenancy::Column => vec!["acme", "Beta", "42", "O'Brien", "größe"],
        Tenancy::NoCase => vec!["acme", "ACME", "beta", "Gamma"],
        Tenancy::Uuid => UUIDS.to_vec(),
        Tenancy::Padded => vec!["acme", "acme  ", "beta", "gamma", "O'Brien"],
    }
}

fn source(dice: &mut Dice, origin: Origin) -> Source {
    let name = match &origin {
        Origin::Orgs { .. } => "orgs",
        Origin::Settings => "site",
        Origin::ConfigMap(_) => "map",
    };
    let unit = dice.pick(&[None, Some("Days"), Some("Days"), Some("Hours")]);
    let non_positive = unit.and_then(|_| dice.pick(&[None, Some("Forever"), Some("Silent")]));
    Source { name, unit, non_positive, origin }
}

/// What a source says, as text; each window once only, so that two of them differ.
pub fn text_value(dice: &mut Dice, unit: bool) -> String {
    let values = if unit {
        ["7", "30", "12", "45", "0", "-1", "many", "1.5"]
    } else {
        ["7d", "30d", "36h", "2w", "1mo", "90min", "many", "5m"]
    };
    dice.pick(&values).into()
}
