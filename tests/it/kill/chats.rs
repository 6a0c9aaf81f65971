//! The rows of a scene, and which of them go.

use fastrand::Rng;

/// Chats; each has two messages.
pub const CHATS: i64 = 900;
const NOW_SECONDS: i64 = 1_795_262_400;
const DAY: i64 = 86_400;

pub struct Chat {
    pub org: &'static str,
    pub at: i64,
    pub pinned: i64,
}

/// By the words of the policy, and nothing of the program's.
pub fn goes(chat: &Chat) -> bool {
    let window = match chat.org {
        "acme" => 30 * DAY,
        "globex" => 90 * DAY,
        _ => return false,
    };
    chat.at < NOW_SECONDS - window && chat.pinned == 0
}

pub fn chats(rng: &mut Rng) -> Vec<Chat> {
    let orgs = ["acme", "acme", "globex", "keeps"];
    let mut chat = || Chat {
        org: orgs[rng.usize(..orgs.len())],
        at: NOW_SECONDS - 30 * DAY + rng.i64(-300..60) * DAY / 2 + rng.i64(-1..=1),
        pinned: i64::from(rng.u8(..10) == 0),
    };
    (0..CHATS).map(|_| chat()).collect()
}
