//! Messages and attributes of nf_tables as bytes.

pub(super) const NEW_TABLE: u16 = 0;
pub(super) const DELETE_TABLE: u16 = 2;
pub(super) const NEW_CHAIN: u16 = 3;
pub(super) const NEW_RULE: u16 = 6;
pub(super) const NEW_SET: u16 = 9;
pub(super) const NEW_SET_ELEMENT: u16 = 12;
pub(super) const DELETE_SET_ELEMENT: u16 = 14;

/// NLM_F_CREATE, NLM_F_APPEND.
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;

pub(super) const TABLE_NAME: u16 = 1;
pub(super) const CHAIN_TABLE: u16 = 1;
pub(super) const CHAIN_NAME: u16 = 3;
pub(super) const CHAIN_HOOK: u16 = 4;
pub(super) const CHAIN_TYPE: u16 = 7;
pub(super) const HOOK_NUMBER: u16 = 1;
pub(super) const HOOK_PRIORITY: u16 = 2;
pub(super) const HOOK_DEVICE: u16 = 3;
pub(super) const NETDEV_INGRESS: u32 = 0;
pub(super) const CHAIN_POLICY: u16 = 5;
pub(super) const INET_LOCAL_IN: u32 = 1;
pub(super) const INET_LOCAL_OUT: u32 = 3;
pub(super) const RULE_TABLE: u16 = 1;
pub(super) const RULE_CHAIN: u16 = 2;
pub(super) const RULE_EXPRESSIONS: u16 = 4;
pub(super) const SET_TABLE: u16 = 1;
pub(super) const SET_NAME: u16 = 2;
pub(super) const SET_FLAGS: u16 = 3;
pub(super) const SET_KEY_TYPE: u16 = 4;
pub(super) const SET_KEY_LENGTH: u16 = 5;
pub(super) const SET_ID: u16 = 10;
pub(super) const ELEMENTS_TABLE: u16 = 1;
pub(super) const ELEMENTS_SET: u16 = 2;
pub(super) const ELEMENTS_LIST: u16 = 3;
pub(super) const ELEMENT_KEY: u16 = 1;
pub(super) const LIST_ELEMENT: u16 = 1;
pub(super) const DATA_VALUE: u16 = 1;
pub(super) const DATA_VERDICT: u16 = 2;

const NFPROTO_UNSPEC: u8 = 0;
pub(super) const NFPROTO_INET: u8 = 1;
pub(super) const NFPROTO_NETDEV: u8 = 5;
const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// NLM_F_REQUEST, NLM_F_ACK.
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const NLA_NESTED: u16 = 0x8000;
const NLMSG_ERROR: u16 = 2;
/// Length of nlmsghdr, and with nfgenmsg behind it.
const HEADER: usize = 16;
const GENERIC_HEADER: usize = HEADER + 4;

/// Something that attributes are appended to.
pub(super) trait Attributes {
    fn buffer(&mut self) -> &mut Vec<u8>;

    fn bytes(&mut self, kind: u16, value: &[u8]) {
        let buffer = self.buffer();
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        buffer.extend_from_slice(&length.to_ne_bytes());
        buffer.extend_from_slice(&kind.to_ne_bytes());
        buffer.extend_from_slice(value);
        pad(buffer);
    }

    /// Numbers of nf_tables are in network byte order.
    fn number(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    fn text(&mut self, kind: u16, value: &str) {
        let mut text = value.as_bytes().to_vec();
        text.push(0);
        self.bytes(kind, &text);
    }

    fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Nested<'_>))
    where
        Self: Sized,
    {
        let buffer = self.buffer();
        let start = buffer.len();
        buffer.extend_from_slice(&[0; 4]);
        fill(&mut Nested(buffer));
        let length = u16::try_from(buffer.len() - start).unwrap_or(u16::MAX);
        buffer[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        buffer[start + 2..start + 4].copy_from_slice(&(kind | NLA_NESTED).to_ne_bytes());
    }

    /// Attributes that are bytes already.
    fn raw(&mut self, attributes: &[u8]) {
        self.buffer().extend_from_slice(attributes);
    }
}

/// Attributes within an attribute.
pub(super) struct Nested<'a>(&'a mut Vec<u8>);

impl Attributes for Nested<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.0
    }
}

impl Attributes for Vec<u8> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// One message without sequence number and length.
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new(kind: u16, flags: u16) -> Self {
        Self::of_family(kind, flags, NFPROTO_NETDEV)
    }

    pub(super) fn of_family(kind: u16, flags: u16, family: u8) -> Self {
        let kind = (SUBSYSTEM << 8) | kind;
        Self::with_header(kind, flags | ACKNOWLEDGE, family, 0)
    }

    pub(super) fn begin() -> Self {
        Self::with_header(BATCH_BEGIN, 0, NFPROTO_UNSPEC, SUBSYSTEM)
    }

    pub(super) fn end() -> Self {
        Self::with_header(BATCH_END, 0, NFPROTO_UNSPEC, SUBSYSTEM)
    }

    fn with_header(kind: u16, flags: u16, family: u8, resource: u16) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        bytes.extend_from_slice(&[family, 0]);
        bytes.extend_from_slice(&resource.to_be_bytes());
        debug_assert_eq!(bytes.len(), GENERIC_HEADER);
        Self { bytes }
    }

    /// Appends the whole message.
    pub(super) fn finish(mut self, sequence: u32, to: &mut Vec<u8>) {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        to.extend_from_slice(&self.bytes);
        pad(to);
    }
}

impl Attributes for Message {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// The kernel's answer to one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) sequence: u32,
    /// 0 when it was taken.
    pub(super) errno: i32,
}

/// The answers in what was received; everything else is passed over.
pub(super) fn answers(mut bytes: &[u8]) -> impl Iterator<Item = Answer> {
    std::iter::from_fn(move || {
        while bytes.len() >= HEADER {
            let length = number(bytes, 0) as usize;
            let message = bytes.get(..length).filter(|_| length >= HEADER)?;
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
            if message.len() >= HEADER + 4 && message[4..6] == NLMSG_ERROR.to_ne_bytes() {
                let errno = number(message, HEADER).cast_signed().checked_neg();
                return Some(Answer {
                    sequence: number(message, 8),
                    errno: errno.unwrap_or(libc::EIO),
                });
            }
        }
        None
    })
}

fn number(bytes: &[u8], offset: usize) -> u32 {
    let bytes = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    u32::from_ne_bytes(bytes.copied().unwrap_or_default())
}

fn pad(buffer: &mut Vec<u8>) {
    buffer.resize(buffer.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_lengths_are_not() {
        let mut bytes = Vec::new();
        bytes.nested(7, |nested| nested.text(1, "ab"));
        let expected = [
            &12u16.to_ne_bytes()[..],
            &(7 | NLA_NESTED).to_ne_bytes(),
            &7u16.to_ne_bytes(),
            &1u16.to_ne_bytes(),
            b"ab\0\0",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn half_an_answer_is_none() {
        let mut bytes = Vec::new();
        Message::begin().finish(1, &mut bytes);
        bytes[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        bytes[16..20].copy_from_slice(&(-17i32).to_ne_bytes());
        let answer = Answer {
            sequence: 1,
            errno: 17,
        };
        assert_eq!(answers(&bytes).collect::<Vec<_>>(), [answer]);
        assert_eq!(answers(&bytes[..18]).count(), 0);
        assert_eq!(answers(&[]).count(), 0);
    }
}
