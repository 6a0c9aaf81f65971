//! superplane's tables under the policies of `examples/superplane`. What their own jobs would do stands here as plain SQL
//! or in words, and shares nothing with what the purge uses.

mod bed;
mod cap;
mod chats;
mod held;
mod jobs;
mod rights;
mod runs;
mod walk;
mod windows;

pub use bed::example;
