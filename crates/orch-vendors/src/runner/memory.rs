//! Memory that may still be used on this host: what the kernel says is available, and what the control groups of this
//! process leave.

use std::fs;
use std::path::Path;

/// Bytes; `None` where that cannot be told.
#[must_use]
pub fn available() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| of_machine(&text));
    let root = Path::new("/sys/fs/cgroup");
    let own = read(Path::new("/proc/self/cgroup")).and_then(|text| own_group(&text).map(str::to_owned));
    let folder = root.join(own.unwrap_or_default().trim_start_matches('/'));
    // A limit of an outer group holds for the inner ones.
    let groups = folder.ancestors().take_while(|folder| folder.starts_with(root)).filter_map(|folder| {
        let [most, used, parts] =
            ["memory.max", "memory.current", "memory.stat"].map(|name| read(&folder.join(name)).unwrap_or_default());
        of_group(&most, &used, &parts)
    });
    machine.into_iter().chain(groups).min()
}

/// What `/proc/meminfo` says is available.
fn of_machine(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes.saturating_mul(1024))
}

/// The group of the second version in `/proc/self/cgroup`.
fn own_group(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// What a group with a limit leaves; file pages that nobody uses are given back when they are needed.
fn of_group(most: &str, used: &str, parts: &str) -> Option<u64> {
    let most: u64 = most.trim().parse().ok()?;
    let used: u64 = used.trim().parse().ok()?;
    let given_back = parts.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse::<u64>().ok());
    Some(most.saturating_sub(used.saturating_sub(given_back.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(of_machine("MemTotal:  100 kB\nMemAvailable:   20 kB\n"), Some(20 * 1024));
        assert_eq!(of_machine("MemTotal:  100 kB\n"), None);
        assert_eq!(own_group("3:cpu:/x\n0::/user.slice/a\n"), Some("/user.slice/a"));
        assert_eq!(own_group("3:cpu:/x\n"), None);
    }

    #[test]
    fn a_group_leaves_what_its_limit_leaves() {
        assert_eq!(of_group("1000\n", "900\n", "anon 5\ninactive_file 300\n"), Some(400));
        assert_eq!(of_group("1000\n", "1200\n", ""), Some(0));
        assert_eq!(of_group("max\n", "900\n", ""), None);
        assert_eq!(of_group("", "", ""), None);
    }
}
