//! Tells the linker, which generates the code, how to clear and copy memory.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(bpf_target_arch, values(\"x86_64\"))");
    // Otherwise every fill of more than nothing is a call of a loop that goes byte by byte.
    println!("cargo:rustc-link-arg-bins=--disable-expand-memcpy-in-order");
}
