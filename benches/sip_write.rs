//! Writing the INVITE of the B-leg.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline_benches::{INVITE, trunk_message, write_invite};
use trunkline_sip::parse;

fn invite(c: &mut Criterion) {
    let bytes = trunk_message(INVITE);
    let message = parse(&bytes).expect("the corpus accepts it");
    let mut buffer = vec![0; 65_535];
    let len = write_invite(&message, &mut buffer);
    let mut group = c.benchmark_group("b-leg invite");
    group.throughput(Throughput::Bytes(len as u64));
    group.bench_function("trunkline/write", |b| {
        b.iter(|| {
            let len = write_invite(black_box(&message), &mut buffer);
            // Else nobody reads what was written, and it is not written.
            black_box(&buffer);
            len
        });
    });
    group.finish();
}

criterion_group!(benches, invite);
criterion_main!(benches);
