//! Addresses of the configuration: local addresses, networks, listeners and peers.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use ipnet::IpNet;

use crate::config::problem::{Fault, choose};

/// The port of SIP over UDP and TCP (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;
/// The port of SIP over TLS.
const SIPS_PORT: u16 = 5061;

/// How SIP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// A SIP listener of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) transport: Transport,
    pub(crate) port: u16,
}

/// A peer as written: `host[:port][;transport=..][;weight=N][;priority=N]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerName {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
    pub(crate) weight: u32,
    pub(crate) priority: u32,
}

/// Finds the addresses of a DNS name. Tests put their own in place of the system's.
pub(crate) type Resolve<'r> = &'r dyn Fn(&str) -> Result<Vec<IpAddr>, String>;

/// Asks the system's resolver.
pub(crate) fn system_resolver(name: &str) -> Result<Vec<IpAddr>, String> {
    let addresses = (name, 0_u16)
        .to_socket_addrs()
        .map_err(|error| error.to_string())?;
    Ok(addresses.map(|address| address.ip()).collect())
}

/// A unicast address that an interface can have.
pub(crate) fn local_address(text: &str) -> Result<IpAddr, Fault> {
    let address: IpAddr = text.parse().map_err(|_| {
        let hint = if text.contains('/') {
            "leave the prefix length away: one address, not a network"
        } else {
            "for example \"192.0.2.10\" or \"2001:db8::10\""
        };
        Fault::new(format!("\"{text}\" is not an IP address"), hint)
    })?;
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || is_broadcast {
        return Err(Fault::new(
            format!("{address} cannot be a local address"),
            "name the one address that peers send to",
        ));
    }
    Ok(address)
}

/// A network in CIDR notation, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, Fault> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text.parse().map_err(|_| {
        Fault::new(
            format!("\"{text}\" is not a network"),
            "for example \"192.0.2.0/24\" or \"2001:db8::/64\"",
        )
    })?;
    if network.addr() != network.network() {
        return Err(Fault::new(
            format!("{text} has host bits set"),
            format!(
                "write \"{}\" for the network or \"{}\" for the one address",
                network.trunc(),
                network.addr()
            ),
        ));
    }
    Ok(network)
}

/// A listener as "udp:5060".
pub(crate) fn listener(text: &str) -> Result<Listener, Fault> {
    const HINT: &str = "transport and port: \"udp:5060\"";
    let (name, port) = text
        .split_once(':')
        .ok_or_else(|| Fault::new(format!("\"{text}\" is not a listener"), HINT))?;
    let transport = transport(name)?;
    let port = port
        .parse::<u16>()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| Fault::new(format!("\"{port}\" is not a port"), HINT))?;
    Ok(Listener { transport, port })
}

/// An HTTP listener as "127.0.0.1:8080".
pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| {
        Fault::new(
            format!("\"{text}\" is not an address with a port"),
            "for example \"127.0.0.1:8080\" or \"[::1]:8080\"",
        )
    })
}

/// A peer as written in the configuration. Names are not resolved here.
pub(crate) fn peer(text: &str) -> Result<PeerName, Fault> {
    let mut parts = text.split(';');
    let (host, port) = host_and_port(text, parts.next().unwrap_or_default().trim())?;
    let mut name = PeerName {
        host,
        port: SIP_PORT,
        transport: Transport::Udp,
        weight: 1,
        priority: 1,
    };
    for parameter in parts {
        let (key, value) = parameter.trim().split_once('=').unwrap_or((parameter.trim(), ""));
        match key {
            "transport" => name.transport = transport(value)?,
            "weight" => name.weight = small(key, value, 1)?,
            "priority" => name.priority = small(key, value, 0)?,
            other => {
                let hint = choose(other, &["transport", "weight", "priority"]);
                return Err(Fault::new(
                    format!("unknown parameter `{other}` of peer \"{text}\""),
                    hint,
                ));
            }
        }
    }
    name.port = port.unwrap_or(if name.transport == Transport::Tls {
        SIPS_PORT
    } else {
        SIP_PORT
    });
    Ok(name)
}

impl PeerName {
    /// The addresses of the peer, in the order of the resolver, each once.
    pub(crate) fn addresses(&self, resolve: Resolve<'_>) -> Result<Vec<SocketAddr>, Fault> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let found = resolve(&self.host).map_err(|error| {
            Fault::new(
                format!("{} does not resolve: {error}", self.host),
                "check the name and the resolver, or write the address",
            )
        })?;
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            let address = SocketAddr::new(address, self.port);
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    /// Whether the host is a DNS name and not an address.
    pub(crate) fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }
}

fn transport(name: &str) -> Result<Transport, Fault> {
    match name {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        "tls" => Ok(Transport::Tls),
        other => Err(Fault::new(
            format!("unknown transport \"{other}\""),
            choose(other, &["udp", "tcp", "tls"]),
        )),
    }
}

fn small(key: &str, value: &str, low: u32) -> Result<u32, Fault> {
    const HIGH: u32 = 65_535;
    value
        .parse::<u32>()
        .ok()
        .filter(|number| (low..=HIGH).contains(number))
        .ok_or_else(|| {
            Fault::new(
                format!("`{key}` of a peer cannot be \"{value}\""),
                format!("a whole number from {low} to {HIGH}"),
            )
        })
}

fn host_and_port(peer: &str, text: &str) -> Result<(String, Option<u16>), Fault> {
    let bad = |what: &str| {
        Fault::new(
            format!("{what} in peer \"{peer}\""),
            "host[:port][;transport=udp][;weight=N][;priority=N], an IPv6 address in brackets when a port follows",
        )
    };
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text.to_owned(), None));
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| bad("no closing bracket"))?;
        host.parse::<std::net::Ipv6Addr>()
            .map_err(|_| bad("no IPv6 address in the brackets"))?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(bad("text after the bracket")),
        }
    } else {
        text.split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port)))
    };
    if host.parse::<IpAddr>().is_err() && !is_host_name(host) {
        return Err(bad("no host"));
    }
    let port = port
        .map(|port| {
            port.parse::<u16>()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| bad("no port"))
        })
        .transpose()?;
    Ok((host.to_owned(), port))
}

/// A name of RFC 1123: labels of letters, digits and inner hyphens, the last of them not a number.
fn is_host_name(host: &str) -> bool {
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ends_in_number = labels
        .last()
        .is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= 253 && labels.iter().all(is_label) && !ends_in_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_carry_port_and_parameters() {
        let peer = peer("sip.example.net:5070;transport=tcp;weight=3;priority=2").unwrap();
        assert_eq!((peer.host.as_str(), peer.port), ("sip.example.net", 5070));
        assert_eq!(
            (peer.transport, peer.weight, peer.priority),
            (Transport::Tcp, 3, 2)
        );
    }

    #[test]
    fn peers_default_to_the_port_of_their_transport() {
        assert_eq!(peer("192.0.2.1").unwrap().port, 5060);
        assert_eq!(peer("192.0.2.1;transport=tls").unwrap().port, 5061);
        assert_eq!(peer("2001:db8::1").unwrap().host, "2001:db8::1");
        assert_eq!(peer("[2001:db8::1]:5062").unwrap().port, 5062);
    }

    #[test]
    fn broken_peers_are_refused() {
        for text in [
            "",
            "192.0.2.256",
            "a b",
            "h:0",
            "h:x",
            "[2001:db8::1",
            "[x]:5060",
            "h;wieght=3",
            "h;weight=0",
            "h;transport=sctp",
            "-a.example",
        ] {
            assert!(peer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_resolve_through_the_given_resolver() {
        let peer = peer("sbc.example.com:5080").unwrap();
        let found = peer
            .addresses(&|_| Ok(vec!["192.0.2.7".parse().unwrap(), "192.0.2.7".parse().unwrap()]))
            .unwrap();
        assert_eq!(found, ["192.0.2.7:5080".parse().unwrap()]);
        assert!(peer.addresses(&|_| Err("no such name".into())).is_err());
    }

    #[test]
    fn networks_have_no_host_bits() {
        assert_eq!(network("192.0.2.0/24").unwrap().prefix_len(), 24);
        assert_eq!(network("192.0.2.9").unwrap().prefix_len(), 32);
        assert_eq!(network("2001:db8::/32").unwrap().prefix_len(), 32);
        assert!(network("192.0.2.9/24").unwrap_err().hint.contains("192.0.2.0/24"));
    }

    #[test]
    fn listeners_name_transport_and_port() {
        assert_eq!(
            listener("udp:5060"),
            Ok(Listener {
                transport: Transport::Udp,
                port: 5060
            })
        );
        assert!(listener("5060").is_err());
        assert!(listener("upd:5060").unwrap_err().hint.contains("udp"));
        assert!(listener("udp:0").is_err());
    }
}
