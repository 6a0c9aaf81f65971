//! Reads Rust source as far as names go: what stands in comments and strings is not there, groups are written out.

use std::fs;
use std::path::{Path, PathBuf};

/// A word or a mark, and its line.
pub type Token<'a> = (usize, &'a str);
/// A path as the compiler sees it, and its line: groups written out, `super` followed to where it leads.
pub type Named<'a> = (usize, Vec<&'a str>);

/// All paths of a file whose module lies `depth` below the crate.
pub fn paths<'a>(tokens: &[Token<'a>], depth: usize) -> Vec<Named<'a>> {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let mut found = Vec::new();
    let mut braces = Vec::new(); // for each open one, whether `mod name` opened it
    let mut at = 0;
    while at < tokens.len() {
        let back = |by: usize| at.checked_sub(by).map_or("", word);
        let from = found.len();
        match word(at) {
            "{" => braces.push(back(2) == "mod"),
            "}" => drop(braces.pop()),
            "use" if word(at + 1) != "<" => at = expand(tokens, at + 1, &[], &mut found),
            name if is_name(name) && word(at + 1) == "::" => {
                let goes_on = back(1) == "::" && (is_name(back(2)) || back(2) == ">");
                // `pub(in crate::x)` can only name what the file already lies in.
                let visibility = back(1) == "in" && back(2) == "(";
                if !goes_on && !visibility {
                    let mut path = vec![name];
                    let mut next = at + 2;
                    while is_name(word(next)) {
                        path.push(word(next));
                        next += if word(next + 1) == "::" { 2 } else { 1 };
                        if word(next - 1) != "::" {
                            break;
                        }
                    }
                    found.push((tokens[at].0, path));
                }
            }
            _ => {}
        }
        let depth = depth + braces.iter().filter(|module| **module).count();
        for (_, path) in &mut found[from..] {
            let own = usize::from(path[0] == "self");
            let up = path[own..].iter().take_while(|s| **s == "super").count();
            if up > 0 || own > 0 {
                let root = if up == depth { "crate" } else { "self" };
                path.splice(..own + up, [root]);
            }
        }
        at += 1;
    }
    found
}

/// Reads what follows `use`, or stands in one of its groups, from `at` on. Returns where it ended.
fn expand<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    found: &mut Vec<Named<'a>>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut line = 0;
    while let Some((on, word)) = tokens.get(at) {
        match *word {
            "{" => {
                while !matches!(tokens.get(at), None | Some((_, "}"))) {
                    at = expand(tokens, at + 1, &path, found);
                }
                path.clear(); // All it led to has been found.
            }
            "as" => at += 1, // Under whatever name: what counts is what it is.
            "," | "}" | ";" => break,
            "::" => {}
            name => {
                line = *on;
                path.push(name);
            }
        }
        at += 1;
    }
    if path.len() > prefix.len() {
        found.push((line, path));
    }
    at
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The words and marks of Rust source, without its comments, strings, characters and lifetimes.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            closing(rest, 1, '"')
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '\'' {
            match rest[1..].chars().next() {
                Some(c) if c != '\\' && !rest[1 + c.len_utf8()..].starts_with('\'') => 1,
                _ => closing(rest, 1, '\''),
            }
        } else {
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            if !first.is_whitespace() {
                found.push((line, &rest[..length]));
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// Where a literal that began before `from` ends, its closing mark included.
fn closing(text: &str, from: usize, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in text[from..].char_indices() {
        if c == mark && !escaped {
            return from + at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// The length of the comment that `text` begins with; they nest.
fn block_comment(text: &str) -> usize {
    let mut open = 0;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (open, at) = (open + 1, at + 2),
            [b'*', b'/', ..] if open == 1 => return at + 2,
            [b'*', b'/', ..] => (open, at) = (open - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// The length of the raw string that `text` begins with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.starts_with(&format!("{prefix}\"")) || text.starts_with(&format!("{prefix}#"))
    })?;
    let hashes = text[prefix.len()..].bytes().take_while(|b| *b == b'#').count();
    let body = prefix.len() + hashes + 1;
    if !text[..body.min(text.len())].ends_with('"') {
        return None; // a raw identifier
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()))
}

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
