//! What the allocator keeps.

/// Gives the kernel back what has been freed. After a configuration was read, handed over and taken on, that is more
/// than what stays. Nothing happens where the C library has no such call.
pub fn give_back() {
    // SAFETY: takes one integer and touches only memory that nobody uses.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
