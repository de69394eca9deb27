//! Ethernet and VLAN tags.

use crate::header::{Bytes, ETHERNET_LEN, ETHERTYPE_QINQ, ETHERTYPE_VLAN, Layout, VLAN_TAG_LEN};
use crate::verdict::{PassReason, Verdict};

/// Reads the Ethernet header and up to two tags; the EtherType behind them.
#[inline(always)]
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B, layout: &mut Layout) -> Result<u16, Verdict> {
    let ethertype = bytes.be16_at(ETHERNET_LEN - 2).ok_or(UNREADABLE)?;
    let [destination] = bytes.words_at(0).ok_or(UNREADABLE)?;
    if destination & 0x0100_0000_u32.to_be() != 0 {
        return Err(Verdict::Kernel(PassReason::GroupAddressed));
    }
    layout.l3_offset = ETHERNET_LEN as u16;
    if !is_tag(ethertype) {
        return Ok(ethertype);
    }
    let (outer, ethertype) = tag(bytes, ETHERNET_LEN)?;
    layout.vlan[0] = outer;
    layout.vlan_len = VLAN_TAG_LEN as u8;
    layout.l3_offset = (ETHERNET_LEN + VLAN_TAG_LEN) as u16;
    if !is_tag(ethertype) {
        return Ok(ethertype);
    }
    let (inner, ethertype) = tag(bytes, ETHERNET_LEN + VLAN_TAG_LEN)?;
    layout.vlan[1] = inner;
    layout.vlan_len = 2 * VLAN_TAG_LEN as u8;
    layout.l3_offset = (ETHERNET_LEN + 2 * VLAN_TAG_LEN) as u16;
    if is_tag(ethertype) {
        return Err(Verdict::Kernel(PassReason::VlanTags));
    }
    Ok(ethertype)
}

/// The tag control information at `offset` and the EtherType behind it.
#[inline(always)]
fn tag<B: Bytes + ?Sized>(bytes: &B, offset: usize) -> Result<(u16, u16), Verdict> {
    let tag = bytes.be32_at(offset).ok_or(UNREADABLE)?;
    let control = (tag >> 16) as u16;
    if control & 0x0fff == 0x0fff {
        return Err(Verdict::Kernel(PassReason::VlanTags));
    }
    Ok((control, tag as u16))
}

#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ
}

const UNREADABLE: Verdict = Verdict::Kernel(PassReason::Unreadable);
