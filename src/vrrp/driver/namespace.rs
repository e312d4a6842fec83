//! For tests: code that runs in a network namespace of its own.

use std::future::Future;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

/// Runs `test` on a thread of its own in a new network namespace with the veth pair `near` and `far`, both up, where `near` has
/// 192.0.2.1/24. The namespace is gone when this returns.
pub(super) fn with_veth<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let body = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace: needs CAP_SYS_ADMIN");
        ip("link set lo up");
        ip("link add near type veth peer name far");
        ip("link set near up");
        ip("link set far up");
        ip("address add 192.0.2.1/24 dev near");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), test())
                .await
                .expect("within 20 seconds");
        });
    };
    if let Err(panic) = std::thread::spawn(body).join() {
        std::panic::resume_unwind(panic);
    }
}

/// `ip(8)` with these words, in the namespace of this thread.
pub(super) fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status();
    assert!(status.expect("ip(8)").success(), "ip {words}");
}
