//! Tells the linker, which generates the code, how to clear and copy memory.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Otherwise every fill of more than nothing is a call of a loop that goes byte by byte.
    println!("cargo:rustc-link-arg-bins=--disable-expand-memcpy-in-order");
}
