//! What a host's owner lets out besides the public internet: hosts and addresses of their own network.

use std::net::IpAddr;

use crate::address::is_public;
use crate::allow;

/// One entry of `egress.allow_inside`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsideEntry {
    whom: Whom,
    /// The one port; `None` is [`crate::tunnel::PORT`].
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom {
    /// As in [`allow::pattern`].
    Name(String),
    /// Every address whose first bits are those of this one.
    Network(IpAddr, u8),
}

impl InsideEntry {
    /// Reads `NAME`, `*.NAME`, an address, or `ADDRESS/BITS`; a name or one address may be followed by `:PORT`. `None` if it is
    /// none of them.
    pub fn read(text: &str) -> Option<Self> {
        let whole = |whom| Some(Self { whom, port: None });
        if let Some((address, bits)) = text.split_once('/') {
            let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
            return if (1..=width(address)).contains(&bits) { whole(Whom::Network(address, bits)) } else { None };
        }
        if let Some(whom) = single(text) {
            return whole(whom);
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { whom: single(host)?, port: Some(port) })
    }

    fn is_at(&self, port: u16) -> bool {
        self.port.unwrap_or(crate::tunnel::PORT) == port
    }

    /// Whether it names this [`allow::name`] at this port.
    pub fn names(&self, name: &str, port: u16) -> bool {
        match &self.whom {
            Whom::Name(pattern) => self.is_at(port) && allow::allows(std::slice::from_ref(pattern), name),
            Whom::Network(..) => false,
        }
    }

    /// Whether it holds this address at this port.
    pub fn holds(&self, address: IpAddr, port: u16) -> bool {
        match self.whom {
            Whom::Name(_) => false,
            Whom::Network(network, bits) => {
                self.is_at(port) && self.may_be(address) && same_bits(network, address, bits)
            }
        }
    }

    /// Whether what it names may have this address: never one of a cloud's metadata, and this machine's own only where one
    /// port of it is named.
    pub fn may_be(&self, address: IpAddr) -> bool {
        is_public(address) || (!is_never(address) && (self.port.is_some() || !address.is_loopback()))
    }
}

fn single(text: &str) -> Option<Whom> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(Whom::Network(address, width(address))),
        Err(_) => allow::pattern(text).map(Whom::Name),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn same_bits(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let differ = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    differ >= u32::from(bits)
}

/// Addresses that no setting opens: where clouds keep their metadata and keys, and what is no host's address.
fn is_never(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || [[168, 63, 129, 16], [100, 100, 100, 200], [192, 0, 0, 192]].contains(&v4.octets())
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> InsideEntry {
        InsideEntry::read(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn names_addresses_networks_and_ports_are_read_and_nothing_else() {
        for good in [
            "nexus",
            "*.corp.example",
            "nexus.corp:8443",
            "*.corp.example:8443",
            "10.1.2.3",
            "10.1.2.3:81",
            "10.0.0.0/8",
            "fd12::/16",
            "fd12::1",
            "[fd12::1]:8443",
        ] {
            assert!(InsideEntry::read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "*",
            "https://nexus",
            "nexus/x",
            "nexus:",
            "nexus:0",
            "nexus:70000",
            "10.0.0.0/0",
            "10.0.0.0/33",
            "10.0.0.0/8:443",
            "a b",
            ":443",
        ] {
            assert_eq!(InsideEntry::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_entry_is_one_name_or_network_at_one_port() {
        let wide = read("*.corp.example");
        assert!(wide.names("a.corp.example", 443) && !wide.names("corp.example", 443));
        assert!(!wide.names("a.corp.example", 8443));
        let one = read("nexus.corp:8443");
        assert!(one.names("nexus.corp", 8443) && !one.names("nexus.corp", 443));
        let network = read("10.2.0.0/15");
        let at = |text: &str| network.holds(text.parse().unwrap(), 443);
        assert!(at("10.2.0.1") && at("10.3.255.255") && !at("10.4.0.0") && !at("10.1.255.255") && !at("::1"));
    }

    #[test]
    fn no_entry_opens_metadata_and_only_a_named_port_opens_this_machine() {
        let (any, at_port) = (read("0.0.0.0/1"), read("nexus.corp:8443"));
        for never in [
            "169.254.169.254",
            "168.63.129.16",
            "fd00:ec2::254",
            "0.0.0.0",
            "224.0.0.1",
            "fe80::1",
            "::ffff:169.254.169.254",
        ] {
            let never: IpAddr = never.parse().unwrap();
            assert!(!at_port.may_be(never) && !any.holds(never, 443), "{never}");
        }
        let own = "127.0.0.1".parse().unwrap();
        assert!(at_port.may_be(own) && !read("nexus.corp").may_be(own) && !any.holds(own, 443));
        assert!(read("127.0.0.2:81").holds("127.0.0.2".parse().unwrap(), 81));
        assert!(read("nexus.corp").may_be("192.168.1.1".parse().unwrap()));
    }
}
