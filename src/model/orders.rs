//! The digest of a run's orders, by which they are known to be those that were given.

use sha2::{Digest, Sha256};

/// Over each file, sorted by name: its name, a line feed, its length in bytes, a line feed, and
/// its content. The length keeps one file from passing for two.
pub fn digest<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_unstable();
    let mut digest = Sha256::new();
    for (name, content) in files {
        digest.update(format!("{name}\n{}\n", content.len()));
        digest.update(content);
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_anybody_can_compute_with_sha256sum() {
        // printf 'a.yaml\n3\nx:1b.yaml\n0\n' | sha256sum
        assert_eq!(
            digest([("b.yaml", ""), ("a.yaml", "x:1")]),
            "sha256:7e41b639a6841e117069241df95b74df251208ee7df718681335e31e0968d528"
        );
    }

    #[test]
    fn every_change_shows() {
        let orders = [("a", "x"), ("b", "y")];
        let others: [&[(&str, &str)]; 6] = [
            &[("a", "x")],
            &[("a", "y"), ("b", "x")],
            &[("a", "x\n"), ("b", "y")],
            &[("a", "x"), ("b", "y"), ("c", "")],
            &[("a", "xb\n1\ny")],
            &[("a\n1\nx", ""), ("b", "y")],
        ];
        for other in others {
            assert_ne!(digest(orders), digest(other.iter().copied()), "{other:?}");
        }
    }
}
