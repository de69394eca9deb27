//! The AF_XDP link behind the program that steers.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;

use trunkline_net::XskLink;
use trunkline_net::steer::{Mode, Source, SteerConfig, SteerProgram};
use trunkline_net::xsk::XskSockets;
use trunkline_xdp_abi::Local;

use crate::netns::{Namespace, join, may_run};
use crate::xsk::{Stop, assert_conserved, config, ping_pong, run, settled, turn_round};

fn open(net: u8) -> (XskLink, SteerProgram) {
    let local = Local::new(0, 0, &[5060], Some((20_000, 20_999))).unwrap();
    let v4 = IpAddr::from([10, 9, net, 1]);
    let v6: IpAddr = format!("fd09:{net}::1").parse().unwrap();
    let steer_config = SteerConfig {
        interfaces: vec!["e0".to_owned()],
        mode: Mode::Auto,
        locals: vec![(v4, local), (v6, local)],
        sources: vec![
            Source {
                zone: 0,
                address: v4,
                prefix_len: 24,
            },
            Source {
                zone: 0,
                address: v6,
                prefix_len: 64,
            },
        ],
    };
    let mut steer = SteerProgram::load(&steer_config).unwrap();
    steer.attach().unwrap();
    let sockets = XskSockets::open(&config(&["e0"])).unwrap();
    for (interface, queue, fd) in sockets.fds() {
        steer.register_socket(interface, queue, fd).unwrap();
    }
    (XskLink::new(sockets), steer)
}

#[test]
fn sip_and_media_for_us_arrive_and_the_rest_does_not() {
    if !may_run("sip_and_media_for_us_arrive_and_the_rest_does_not") {
        return;
    }
    let net = 20;
    let (edge, peer) = (Namespace::new("edge"), Namespace::new("peer"));
    join(&edge, "e0", &peer, "p0", net);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (edge, stop) = (&edge, &stop);
        let guard = Stop(stop);
        let worker = scope.spawn(move || {
            edge.enter(|| {
                let (mut link, steer) = open(net);
                println!(
                    "{:?} {:?}",
                    link.report(),
                    steer.attachments().collect::<Vec<_>>()
                );
                ready.send(()).unwrap();
                run(&mut link, stop, turn_round);
                settled(&mut link)
            })
        });
        is_ready.recv().unwrap();
        // ARP, ND and ICMP pass to the kernel, or none of this would work.
        peer.exec(&format!("ping -c 1 -W 5 10.9.{net}.1"));
        peer.enter(|| {
            ping_pong(&format!("10.9.{net}.2:5070"), &format!("10.9.{net}.1:5060"));
            ping_pong(&format!("10.9.{net}.2:5072"), &format!("10.9.{net}.1:20000"));
            ping_pong(&format!("[fd09:{net}::2]:5070"), &format!("[fd09:{net}::1]:5060"));
        });
        drop(guard);
        let (slots, counters) = worker.join().unwrap();
        assert_conserved(&slots, &counters, 600);
        assert_eq!(counters.rx_frames, 600, "{counters:?}");
    });
}
