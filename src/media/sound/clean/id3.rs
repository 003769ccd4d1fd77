//! MP3: frames of sound, with ID3 before them and whatever else around them.

use std::io;

use super::flac::tail;
use super::{Sound, Tags, Text, WINDOW, broken, fit};
use crate::media::kinds::tag_before;

/// Names of title, artist, album, track, date and genre (ID3v2.4 §4.2).
const NAMES: [&str; 6] = ["TIT2", "TPE1", "TALB", "TRCK", "TDRC", "TCON"];
/// Kilobits in a second of MPEG-1 layer III; nought where the frame does not say.
const RATES: [u64; 15] = [
    0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
];
/// The same of MPEG-2 and 2.5.
const LOW_RATES: [u64; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// No frame and the head after it are longer.
const REACH: usize = 1445;
/// The most a size of ID3 can say.
const LARGEST: u64 = (1 << 28) - 1;

/// Where the tags end that stand before everything else.
pub(super) fn before(sound: &mut Sound) -> io::Result<u64> {
    let mut start = 0;
    while let Some(end) = region(sound, start)? {
        start = end;
    }
    Ok(start)
}

/// Rewrites the tags, empties what lies between the frames, and cuts what lies after them; how long the frames play,
/// in milliseconds.
pub(super) fn clean(sound: &mut Sound, tags: &Tags, cover: Option<&[u8]>) -> io::Result<u64> {
    let start = before(sound)?;
    let tail = tail(sound, start)?;
    let was_tagged = tail < sound.length;
    let (end, micros) = keep_frames(sound, start, tail)?;
    let mut at = 0;
    while let Some(end) = region(sound, at)? {
        // Two tags that say the same are one too many.
        let tags = if at == 0 { tags } else { &Tags::default() };
        write_tag(sound, at, end, tags, cover.filter(|_| at == 0))?;
        at = end;
    }
    sound.cut(end)?;
    if start == 0 && was_tagged {
        write_old_tag(sound, tags)?;
    }
    Ok(micros / 1000)
}

/// Where the tag ends that begins here.
fn region(sound: &mut Sound, at: u64) -> io::Result<Option<u64>> {
    if sound.length.saturating_sub(at) < 10 {
        return Ok(None);
    }
    let Some(length) = tag_before(&sound.array::<10>(at)?) else {
        return Ok(None);
    };
    let end = at.saturating_add(length);
    if end > sound.length || length > LARGEST + 10 {
        return Err(broken());
    }
    Ok(Some(end))
}

fn synchsafe(size: u64) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8)
}

fn write_tag(
    sound: &mut Sound,
    at: u64,
    end: u64,
    tags: &Tags,
    cover: Option<&[u8]>,
) -> io::Result<()> {
    let room = end.saturating_sub(at).saturating_sub(10);
    let frames = fit(tags, NAMES, cover, |texts, cover| {
        let frames = frames(texts, cover);
        (frames.len() as u64 <= room).then_some(frames)
    });
    let head = [&b"ID3\x04\0\0"[..], &synchsafe(room)].concat();
    let tag = [head, frames.unwrap_or_default()].concat();
    sound.write(at, &tag)?;
    sound.zero(at.saturating_add(tag.len() as u64), end)
}

fn frames(texts: &[Text], cover: Option<&[u8]>) -> Vec<u8> {
    // 3: the text is UTF-8, or the picture is the front cover.
    let written = |text: &str| [&[3], text.as_bytes()].concat();
    let texts = texts.iter().map(|(name, text)| (*name, written(text)));
    let picture = cover.map(|cover| ("APIC", [&b"\x03image/jpeg\0\x03\0"[..], cover].concat()));
    let mut bytes = Vec::new();
    for (name, content) in texts.chain(picture) {
        bytes.extend(name.as_bytes());
        bytes.extend(synchsafe(content.len() as u64));
        bytes.extend([0, 0]);
        bytes.extend(content);
    }
    bytes
}

/// Writes the old tag of fixed fields (ID3v1.1) where there was one and no room for a new one.
fn write_old_tag(sound: &mut Sound, tags: &Tags) -> io::Result<()> {
    let field = |text: &str, length: usize| {
        let text = text.trim().chars().filter(|c| !c.is_control());
        let bytes = text.map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
        let mut bytes: Vec<u8> = bytes.take(length).collect();
        bytes.resize(length, 0);
        bytes
    };
    let text = |text: &Option<String>, length| field(text.as_deref().unwrap_or_default(), length);
    let track = tags.track.and_then(|track| u8::try_from(track).ok());
    let tag = [
        b"TAG".to_vec(),
        text(&tags.title, 30),
        text(&tags.artist, 30),
        text(&tags.album, 30),
        text(&tags.date, 4),
        vec![0; 29],
        // The last byte: no genre of its list.
        vec![track.unwrap_or(0), 255],
    ];
    if tags.title.is_none() && tags.artist.is_none() {
        return Ok(());
    }
    sound.write(sound.length, &tag.concat())
}

/// A frame by its head.
struct Frame {
    /// Bytes; nought where only its neighbours can tell.
    length: u64,
    /// How long it plays, millionths of a second.
    micros: u64,
}

/// The frame that begins so (ISO/IEC 11172-3 §2.4.2.3, ISO/IEC 13818-3 §2.4.2.3).
fn frame(head: [u8; 4]) -> Option<Frame> {
    let bits = u32::from_be_bytes(head);
    let (version, layer) = (bits >> 19 & 3, bits >> 17 & 3);
    if bits >> 21 != 0x7ff || version == 1 || layer != 1 {
        return None;
    }
    let (rates, spread, halves) = match version {
        3 => (RATES, 144_000, 0),
        2 => (LOW_RATES, 72_000, 1),
        _ => (LOW_RATES, 72_000, 2),
    };
    let rate = *rates.get((bits >> 12 & 15) as usize)?;
    let hertz = *[44_100_u64, 48_000, 32_000].get((bits >> 10 & 3) as usize)? >> halves;
    let padding = if rate == 0 { 0 } else { bits >> 9 & 1 };
    Some(Frame {
        length: spread * rate / hertz + u64::from(padding),
        // 1,152 samples of MPEG-1, half as many of the others.
        micros: spread * 8_000 / hertz,
    })
}

/// Empties what lies between the frames and tells where the last of them ends, and how long they play.
fn keep_frames(sound: &mut Sound, from: u64, end: u64) -> io::Result<(u64, u64)> {
    let (mut at, mut count, mut micros) = (from, 0_u64, 0_u64);
    while end.saturating_sub(at) >= 4 {
        match frame(sound.array(at)?) {
            Some(Frame { length: 0, .. }) => return Err(broken()),
            // Announced by the frame before it; the last one may be cut short.
            Some(known) if at > from => {
                at = at.saturating_add(known.length);
                micros += known.micros;
            }
            _ => {
                let Some(next) = find(sound, at, end)? else {
                    break;
                };
                sound.zero(at, next)?;
                let known = frame(sound.array(next)?).ok_or_else(broken)?;
                // The first one may describe the others in place of playing.
                if count > 0 || !describes(sound, next, known.length)? {
                    micros += known.micros;
                }
                at = next.saturating_add(known.length);
            }
        }
        count += 1;
    }
    if count < 2 {
        return Err(broken());
    }
    Ok((at.min(end), micros))
}

/// Whether a frame says how many follow: the mark of Xing, of its twin for a constant rate, or of VBRI.
fn describes(sound: &mut Sound, at: u64, length: u64) -> io::Result<bool> {
    let mut bytes = vec![0; usize::try_from(length.min(64)).unwrap_or(0)];
    sound.read(at, &mut bytes)?;
    let marks = [&b"Xing"[..], b"Info", b"VBRI"];
    Ok(bytes.windows(4).any(|four| marks.contains(&four)))
}

/// Where the next frame begins that another one follows, or the end.
fn find(sound: &mut Sound, from: u64, end: u64) -> io::Result<Option<u64>> {
    let mut window = vec![0; WINDOW];
    let mut at = from;
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        window.truncate(left);
        sound.read(at, &mut window)?;
        let is_last = left == window.len();
        let starts = if is_last { left } else { WINDOW - REACH };
        let rest = |start| window.get(start..).unwrap_or_default();
        if let Some(found) = (0..starts).find(|start| is_followed(rest(*start), is_last)) {
            return Ok(Some(at.saturating_add(found as u64)));
        }
        at = at.saturating_add(starts as u64);
    }
    Ok(None)
}

fn is_followed(bytes: &[u8], is_last: bool) -> bool {
    let known = |bytes: &[u8]| {
        let head = *bytes.first_chunk()?;
        let length = frame(head)?.length;
        if length == 0 {
            return None;
        }
        Some((usize::try_from(length).ok()?, u32::from_be_bytes(head)))
    };
    let Some((length, head)) = known(bytes) else {
        return false;
    };
    match bytes.get(length..) {
        Some([]) => is_last,
        // Neighbours are of one version and one sound rate.
        Some(next) => known(next).is_some_and(|(_, next)| (next ^ head) & 0xfffe_0c00 == 0),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cleaned, has};
    use crate::media::kinds::Kind;

    /// A frame of 24 bytes, of MPEG-2 at 24 kHz.
    fn frame(value: u8) -> Vec<u8> {
        [&b"\xff\xf3\x14\0"[..], &[value; 20]].concat()
    }

    fn region(content: &[u8], version: u8, flags: u8) -> Vec<u8> {
        let footer: &[u8] = if flags == 0 { b"" } else { b"3DI\x04\0\0GONE" };
        let head = [b'I', b'D', b'3', version, 0, flags, 0, 0];
        let size = u16::try_from(content.len()).unwrap();
        let size = [u8::try_from(size >> 7).unwrap(), (size & 0x7f) as u8];
        [&head, &size[..], content, footer].concat()
    }

    #[test]
    fn tags_are_rewritten_and_frames_stay() {
        let tag = [&b"COMM\0\0\0\x0f\0\0GONE"[..], &[1; 300], b"GONE"].concat();
        let mut bytes = [region(&tag, 3, 0), region(b"GONE", 4, 0x10)].concat();
        let start = bytes.len();
        bytes.extend(b"GONE");
        let first = [frame(1), frame(2)].concat();
        let second = [frame(3), frame(4), frame(5)].concat();
        bytes.extend([&first[..], b"GONE between", &second, b"GONE\xff\xf3"].concat());
        let clean = cleaned(Kind::Mp3, &bytes, Some(b"\xff\xd8COVER"));
        assert!(clean.starts_with(b"ID3\x04\0\0\0\0\x02\x3eTIT2\0\0\0\x05\0\0\x03Ours"));
        assert!(has(&clean, b"TPE1\0\0\0\x06\0\0\x03B\xc3\xa4nd"));
        assert!(has(&clean, b"\0\0\x03image/jpeg\0\x03\0\xff\xd8COVER"));
        let sound = [&[0; 4][..], &first, &[0; 12], &second].concat();
        assert_eq!(&clean[start..], sound);
        assert!(clean[..start].ends_with(b"ID3\x04\0\0\0\0\0\x0e\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
        // No room: the tag is empty.
        let bytes = [region(b"GONE", 3, 0), frame(1), frame(2)].concat();
        let clean = cleaned(Kind::Mp3, &bytes, None);
        assert!(clean.starts_with(b"ID3\x04\0\0\0\0\0\x04\0\0\0\0\xff\xf3"));
    }

    #[test]
    fn tags_at_the_end_are_one_old_tag() {
        let ape = [&b"APETAGEX\xd0\x07\0\0\x28\0\0\0"[..], &[0; 16]].concat();
        let lyrics = b"LYRICSBEGININD0000200GONE000025LYRICS200";
        let old = [&b"TAGGONE"[..], &[b'x'; 121]].concat();
        // The last frame is cut short, and nothing after it counts to it.
        let sound = [&frame(1)[..], &frame(2), &frame(3)[..9]].concat();
        let bytes = [&sound[..], &ape, b"GONEGONE", &ape, lyrics, &old].concat();
        let clean = cleaned(Kind::Mp3, &bytes, None);
        let tag = clean.strip_prefix(&sound[..]).unwrap();
        assert!(tag.len() == 128 && tag.starts_with(b"TAGOurs\0") && tag.ends_with(b"\0\x07\xff"));
        assert!(has(tag, b"B\xe4nd\0"));
    }

    #[test]
    fn a_bare_file_stays_as_it_is() {
        let bytes = [frame(1), frame(2), frame(3)].concat();
        assert_eq!(cleaned(Kind::Mp3, &bytes, None), bytes);
    }
}
