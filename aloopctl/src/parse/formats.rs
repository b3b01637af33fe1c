// SPDX-License-Identifier: GPL-2.0

//! Sample formats by their numbers, which is how `PCM Slave Format` tells them.

const NAMES: [&str; 53] = [
    "S8",
    "U8",
    "S16_LE",
    "S16_BE",
    "U16_LE",
    "U16_BE",
    "S24_LE",
    "S24_BE",
    "U24_LE",
    "U24_BE",
    "S32_LE",
    "S32_BE",
    "U32_LE",
    "U32_BE",
    "FLOAT_LE",
    "FLOAT_BE",
    "FLOAT64_LE",
    "FLOAT64_BE",
    "IEC958_SUBFRAME_LE",
    "IEC958_SUBFRAME_BE",
    "MU_LAW",
    "A_LAW",
    "IMA_ADPCM",
    "MPEG",
    "GSM",
    "S20_LE",
    "S20_BE",
    "U20_LE",
    "U20_BE",
    "",
    "",
    "SPECIAL",
    "S24_3LE",
    "S24_3BE",
    "U24_3LE",
    "U24_3BE",
    "S20_3LE",
    "S20_3BE",
    "U20_3LE",
    "U20_3BE",
    "S18_3LE",
    "S18_3BE",
    "U18_3LE",
    "U18_3BE",
    "G723_24",
    "G723_24_1B",
    "G723_40",
    "G723_40_1B",
    "DSD_U8",
    "DSD_U16_LE",
    "DSD_U32_LE",
    "DSD_U16_BE",
    "DSD_U32_BE",
];

/// Returns the name of a format.
pub fn name(number: i32) -> String {
    let known = usize::try_from(number).ok().and_then(|it| NAMES.get(it));
    match known {
        Some(&name) if !name.is_empty() => name.to_string(),
        _ => format!("format {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(name(2), "S16_LE");
        assert_eq!(name(32), "S24_3LE");
        assert_eq!(name(52), "DSD_U32_BE");
        assert_eq!(name(29), "format 29");
        assert_eq!(name(-1), "format -1");
        assert_eq!(name(53), "format 53");
    }
}
