//! Reading: ours, floors, and with the feature `peers` other parsers, all in one run.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline_benches::{INVITE, routing, trunk_corpus, trunk_message};
use trunkline_sip::parse;

fn invite(c: &mut Criterion) {
    let bytes = trunk_message(INVITE);
    let mut group = c.benchmark_group("invite");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("trunkline/parse", |b| {
        b.iter(|| parse(black_box(&bytes)).is_ok());
    });
    group.bench_function("trunkline/parse+fields", |b| {
        b.iter(|| {
            if let Ok(message) = &parse(black_box(&bytes)) {
                black_box(routing(message));
            }
        });
    });
    group.bench_function("floor/memchr CR and colon", |b| {
        b.iter(|| memchr::memchr2_iter(b'\r', b':', black_box(&bytes)).count());
    });
    let mut copy = vec![0; bytes.len()];
    group.bench_function("floor/memcpy", |b| {
        b.iter(|| {
            copy.copy_from_slice(black_box(&bytes));
            black_box(&copy);
        });
    });
    #[cfg(feature = "peers")]
    for (name, run) in trunkline_benches::peers::ALL {
        assert!(run(&bytes), "{name} cannot read the message");
        group.bench_function(format!("peer/{name}"), |b| b.iter(|| run(black_box(&bytes))));
    }
    group.finish();
}

fn corpus(c: &mut Criterion) {
    let files = trunk_corpus();
    let total = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let mut group = c.benchmark_group("trunk corpus");
    group.throughput(Throughput::Bytes(total));
    group.bench_function("trunkline/parse+fields", |b| {
        b.iter(|| {
            for (_, bytes) in &files {
                if let Ok(message) = &parse(black_box(bytes)) {
                    black_box(routing(message));
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, invite, corpus);
criterion_main!(benches);
