//! The faults that a node stands: each test names its line of the catalogue of faults (F01 …), and ends with the
//! ledger of each house that it let do something.
//!
//! `AFTERPARTY_TEST_LONG=1` runs them longer: more kills, more rounds. Lines that are tested where their subject is:
//! F10 `workers::a_locked_database_is_unavailable_and_not_a_fault`, F11 and F12 `federation::delivery`, F14
//! `workers::slow_peers_do_not_delay_the_healthy`, F16 `workers::a_clock_that_jumped_leaves_nothing_behind`, F26
//! `program::the_house_cannot_be_opened_twice_or_under_another_name` and
//! `workers::two_processes_send_in_order_and_once`.

mod backups;
mod disk;
mod inbox;
mod kills;
mod load;
mod peers;
mod shortages;

/// How often a fault is repeated: `short` in every run, `long` where that is asked for.
pub fn rounds(short: u64, long: u64) -> u64 {
    if std::env::var_os("AFTERPARTY_TEST_LONG").is_some() {
        long
    } else {
        short
    }
}
