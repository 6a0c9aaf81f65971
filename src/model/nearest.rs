//! Names to write instead of one that is not there.

/// So many names are told; a schema may have hundreds.
const TOLD: usize = 8;
/// So many are no more to read than those.
const FEW: usize = 12;

/// All names where they are few, otherwise those that are spelled most like the one asked for.
pub fn nearest(asked: &str, known: impl IntoIterator<Item = String>) -> String {
    let mut known: Vec<String> = known.into_iter().collect();
    if known.len() <= FEW {
        return known.join(", ");
    }
    let rest = known.len() - TOLD;
    known.sort_by_cached_key(|name| distance(&asked.to_lowercase(), &name.to_lowercase()));
    known.truncate(TOLD);
    format!("{}, or one of {rest} others", known.join(", "))
}

/// How many letters have to change to make one word of the other.
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, left) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, right) in other.iter().enumerate() {
            let swapped = diagonal + usize::from(left != *right);
            diagonal = row[place + 1];
            row[place + 1] = swapped.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_those_are_told_that_are_spelled_alike() {
        let known = (0..50).map(|at| format!("table_{at}")).chain(["agent_chats".to_owned()]);
        let told = nearest("agent_chat", known);
        assert!(told.starts_with("agent_chats, "), "{told}");
        assert!(told.ends_with(", or one of 43 others"), "{told}");
        assert_eq!(nearest("a", ["b".to_owned(), "c".to_owned()]), "b, c");
    }
}
