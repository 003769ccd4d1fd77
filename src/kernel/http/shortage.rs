//! What this machine is short of: never a peer's fault.

use std::error::Error;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::guard::NoNames;

/// Numbers of errors of the system (`errno`) and what they mean.
const SHORT: [(i32, &str); 6] = [
    (12, "no memory is left"),
    (23, "this machine has no file descriptors left"),
    (
        24,
        "this process has no file descriptors left; raise LimitNOFILE",
    ),
    (99, "no local port is left"),
    (100, "the network of this machine is down"),
    (105, "no buffer space is left"),
];

/// What we are short of, where that is why something failed.
pub fn of(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(no_names) = cause.downcast_ref::<NoNames>() {
        return Some(no_names.to_string());
    }
    let code = cause.downcast_ref::<io::Error>()?.raw_os_error()?;
    let short = SHORT.iter().find(|(number, _)| *number == code)?;
    Some(short.1.to_owned())
}

/// Says in the log what is short, once a minute at most.
pub fn say(short: &str) {
    static SAID: Mutex<Option<Instant>> = Mutex::new(None);
    let Ok(mut said) = SAID.lock() else { return };
    if said.is_none_or(|at| at.elapsed() > Duration::from_secs(60)) {
        *said = Some(Instant::now());
        tracing::error!("{short}; nothing of it is held against other servers");
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    #[test]
    fn shortages_of_ours_are_told_from_faults_of_others() {
        for code in [12, 23, 24, 99, 105] {
            assert!(
                super::of(&io::Error::from_raw_os_error(code)).is_some(),
                "{code}"
            );
        }
        for code in [104, 110, 111, 113] {
            assert_eq!(
                super::of(&io::Error::from_raw_os_error(code)),
                None,
                "{code}"
            );
        }
    }
}
