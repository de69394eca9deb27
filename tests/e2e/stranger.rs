//! Packets from where none are expected: no answer, no effect, and a count.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use trunkline_tests::conserve::{Expected, assert_conserved};
use trunkline_tests::rtp_packet::{Identity, packet};
use trunkline_tests::topology::Host;

use crate::scene::{SOCKET, Scene, XDP, in_setups};

const PACKETS: u32 = 20;

mod signalling {
    use super::*;
    in_setups! { signalling:
        xdp = XDP; xdp_ipv6 = XDP.ipv6(); socket = SOCKET; socket_ipv6 = SOCKET.ipv6();
    }

    fn signalling(scene: &Scene) {
        let edge = scene.edge();
        let (stranger, edge_address) = (bound(scene, 5060), scene.config.edge_carrier());
        for method in ["OPTIONS", "INVITE"] {
            stranger
                .send_to(&request(method, &stranger, edge_address), edge_address)
                .expect("a datagram can be sent");
        }
        let mut buffer = [0; 2048];
        let answer = stranger
            .recv_from(&mut buffer)
            .map(|(len, _)| String::from_utf8_lossy(&buffer[..len]).into_owned());
        assert!(answer.is_err(), "a stranger is not answered: {answer:?}");
        let reasons = ["source_not_allowed", "sip_unknown_source"];
        let metrics = assert_conserved(
            &edge,
            &Expected {
                drops: &reasons,
                ..Expected::default()
            },
        );
        let dropped: f64 = reasons
            .map(|reason| metrics.sum("trunkline_drops_total", &[("reason", reason)]))
            .iter()
            .sum();
        assert_eq!(dropped, 2.0, "{}", metrics.moved());
        edge.stop();
    }
}

mod media {
    use super::*;
    in_setups! { media: xdp = XDP; socket = SOCKET; xdp_two_workers_ipv6 = XDP.two_workers().ipv6(); }

    /// The carrier's media comes from where its SDP says; a third host's, sent to the same port, goes nowhere.
    fn media(scene: &Scene) {
        let edge = scene.edge();
        let media = scene.media(Host::CarrierA, 1);
        let mut carrier = scene.carrier(Host::CarrierA, "uas_basic").start();
        let mut pbx = scene
            .caller("uac_basic")
            .hold(Duration::from_millis(1_800))
            .start();
        let target = carrier.wait_for_media(1)[0].remote;
        let stranger = bound(scene, 40_000);
        media.begin(&mut pbx, &mut carrier);
        for number in 0..PACKETS {
            let bytes = packet(Identity { ssrc: 0xbad, number });
            stranger.send_to(&bytes, target).expect("a datagram can be sent");
            std::thread::sleep(Duration::from_millis(20));
        }
        media.end();
        media.finish();
        pbx.finish();
        carrier.finish();
        let expected = Expected {
            records: vec![200],
            drops: &["rtp_wrong_source"],
        };
        let metrics = assert_conserved(&edge, &expected);
        let dropped = metrics.sum("trunkline_drops_total", &[("reason", "rtp_wrong_source")]);
        assert_eq!(dropped, f64::from(PACKETS), "{}", metrics.moved());
        edge.stop();
    }
}

fn bound(scene: &Scene, port: u16) -> UdpSocket {
    let address = SocketAddr::new(scene.config.on_carrier_side(Host::Stranger).ip(), port);
    let socket = scene
        .topology
        .carrier
        .within(|| UdpSocket::bind(address).expect("the port is free"));
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a second is a timeout");
    socket
}

fn request(method: &str, from: &UdpSocket, to: SocketAddr) -> Vec<u8> {
    let local = from.local_addr().expect("it is bound");
    format!(
        "{method} sip:+12025550123@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKstranger{method}\r\n\
         From: <sip:stranger@{local}>;tag=1\r\nTo: <sip:+12025550123@{to}>\r\nCall-ID: {method}@stranger\r\n\
         CSeq: 1 {method}\r\nContact: <sip:stranger@{local}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
