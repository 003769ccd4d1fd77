//! WAV: chunks; all but what the sound needs are emptied, and the largest of them takes the new list of names.

use std::io;

use super::{Sound, Tags, Text, broken, fit};

/// Names of title, artist, album, track, date and genre in a list.
const NAMES: [&str; 6] = ["INAM", "IART", "IPRD", "ITRK", "ICRD", "IGNR"];

/// What was found on the way through a file.
#[derive(Default)]
struct Walk {
    has_format: bool,
    has_sound: bool,
    /// Where the chunks began that are to be emptied, as far as they touch: they become one.
    begun: Option<u64>,
    /// Where the largest emptied place begins, and how long it is.
    largest: Option<(u64, u64)>,
}

/// Empties all chunks but those of the sound, writes a new list into the largest, and cuts what lies after them.
pub(super) fn clean(sound: &mut Sound, tags: &Tags) -> io::Result<()> {
    let mut walk = Walk::default();
    let end = walk.go(sound)?;
    if !walk.has_format || !walk.has_sound {
        return Err(broken());
    }
    if let Some((at, room)) = walk.largest
        && let Some(list) = fit(tags, NAMES, None, |texts, _| list(texts, room))
    {
        sound.write(at, &list)?;
        let next = at.saturating_add(list.len() as u64);
        write_empty(sound, next, at.saturating_add(room))?;
    }
    sound.cut(end)
}

impl Walk {
    /// Goes through all chunks and tells where they end.
    fn go(&mut self, sound: &mut Sound) -> io::Result<u64> {
        let [b'R', b'I', b'F', b'F', a, b, c, d, b'W', b'A', b'V', b'E'] = sound.array(0)? else {
            return Err(broken());
        };
        let limit = match u32::from_le_bytes([a, b, c, d]) {
            // Whoever wrote this did not know yet how long it would get.
            0 | u32::MAX => sound.length,
            size => sound.length.min(u64::from(size).saturating_add(8)),
        };
        let mut at = 12_u64;
        while at.saturating_add(8) <= limit {
            let [name @ .., a, b, c, d] = sound.array::<8>(at)?;
            let size = u32::from_le_bytes([a, b, c, d]);
            let end = at.saturating_add(8).saturating_add(u64::from(size));
            match &name {
                b"data" => {
                    self.has_sound = true;
                    self.close(sound, at)?;
                    if size == 0 || end > sound.length {
                        return Ok(sound.length);
                    }
                }
                _ if end > limit => break,
                b"fmt " | b"fact" => {
                    self.has_format |= name == *b"fmt ";
                    self.close(sound, at)?;
                }
                _ => self.begun = self.begun.or(Some(at)),
            }
            at = end.saturating_add(u64::from(size % 2)).min(sound.length);
        }
        self.close(sound, at)?;
        Ok(at)
    }

    /// Makes one empty chunk of those that end here.
    fn close(&mut self, sound: &mut Sound, end: u64) -> io::Result<()> {
        let Some(at) = self.begun.take() else {
            return Ok(());
        };
        let room = end.saturating_sub(at);
        if self.largest.is_none_or(|(_, largest)| room > largest) {
            self.largest = Some((at, room));
        }
        write_empty(sound, at, end)
    }
}

/// Writes an empty chunk over a place, which may be none.
fn write_empty(sound: &mut Sound, at: u64, end: u64) -> io::Result<()> {
    let content = at.saturating_add(8);
    let Some(size) = end.checked_sub(content) else {
        return Ok(());
    };
    let size = u32::try_from(size).map_err(|_| broken())?;
    sound.write(at, &[*b"JUNK", size.to_le_bytes()].concat())?;
    sound.zero(content, end)
}

/// A list that fills its room or leaves as much as an empty chunk takes.
fn list(texts: &[Text], room: u64) -> Option<Vec<u8>> {
    let build = |zeros: usize| {
        let mut bytes = b"INFO".to_vec();
        for (count, (name, text)) in texts.iter().enumerate() {
            // A zero ends each text, and a second one makes it even.
            let mut text = text.as_bytes().to_vec();
            text.resize((text.len() | 1).saturating_add(1), 0);
            if count + 1 == texts.len() {
                text.resize(text.len().saturating_add(zeros), 0);
            }
            bytes.extend(name.as_bytes());
            bytes.extend(length(&text));
            bytes.extend(text);
        }
        [&b"LIST"[..], &length(&bytes), &bytes].concat()
    };
    let bytes = build(0);
    let rest = usize::try_from(room.checked_sub(bytes.len() as u64)?).ok()?;
    match rest {
        _ if texts.is_empty() => None,
        1 | 3 | 5 | 7 => None,
        2 | 4 | 6 => Some(build(rest)),
        _ => Some(bytes),
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cleaned, has};
    use crate::media::kinds::Kind;

    fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let pad = &[b'G'][..content.len() % 2];
        [name, &size, content, pad].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let content = [b"WAVE".to_vec(), chunk(b"fmt ", &[3; 16]), chunks.concat()].concat();
        chunk(b"RIFF", &content)
    }

    #[test]
    fn chunks_are_emptied_and_one_takes_the_list() {
        let data = chunk(b"data", b"what is heard");
        let bytes = file(&[
            chunk(b"bext", b"GONE!"),
            data.clone(),
            chunk(b"LIST", b"INFOICMT\x05\0\0\0GONE\0\0"),
            chunk(b"id3 ", &b"GONE".repeat(20)),
        ]);
        let clean = cleaned(Kind::Wav, &[&bytes[..], b"GONE"].concat(), None);
        assert_eq!(clean.len(), bytes.len());
        assert_eq!(clean[..12], bytes[..12]);
        assert_eq!(clean[36..50], *b"JUNK\x06\0\0\0\0\0\0\0\0\0");
        assert_eq!(clean[50..72], data);
        let list = b"LIST\x2a\0\0\0INFOINAM\x06\0\0\0Ours\0\0IART\x06\0\0\0B\xc3\xa4nd\0ITRK\x02\0\0\x007\0JUNK";
        assert!(clean[72..].starts_with(list) && clean.ends_with(&[0; 40]));
    }

    #[test]
    fn every_room_is_filled_to_the_last_byte() {
        for room in 0..100 {
            let data = chunk(b"data", b"what is heard!");
            let bytes = file(&[chunk(b"LIST", &vec![b'x'; room]), data.clone()]);
            let clean = cleaned(Kind::Wav, &bytes, None);
            assert!(clean.len() == bytes.len() && clean.ends_with(&data) && !has(&clean, b"xx"));
            assert_eq!(has(&clean, b"Ours"), room > 16, "{room}");
            let mut at = 12;
            while at < clean.len() {
                let size = usize::from(clean[at + 4]);
                at += 8 + size + size % 2;
            }
            assert_eq!(at, clean.len(), "{room}");
        }
    }

    #[test]
    fn a_bare_or_endless_file_stays_as_it_is() {
        let bare = file(&[chunk(b"fact", &[1; 4]), chunk(b"data", b"what is heard")]);
        assert_eq!(cleaned(Kind::Wav, &bare, None), bare);
        for size in [0, 999, u32::MAX] {
            let data = [&b"data"[..], &size.to_le_bytes(), b"what is heard!"].concat();
            let mut bytes = file(&[chunk(b"LIST", b"GONE"), data]);
            bytes[4..8].copy_from_slice(&size.to_le_bytes());
            let clean = cleaned(Kind::Wav, &bytes, None);
            assert!(clean.len() == bytes.len() && clean.ends_with(b"what is heard!"));
        }
    }
}
