// SPDX-License-Identifier: GPL-2.0

//! `/proc/asound/cards` and `/proc/asound/modules`: which cards there are.

/// A card, as the list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCard {
    pub number: u32,
    pub id: String,
    /// The name of the driver, which is no module's name.
    pub driver: String,
    /// The card's short name.
    pub name: String,
}

/// Returns the cards, in the order of the list.
pub fn parse(text: &str) -> Vec<ListedCard> {
    text.lines().filter_map(parse_line).collect()
}

/// A line is as ` 0 [Loopback       ]: Loopback - Loopback`; the one below is no such line.
fn parse_line(line: &str) -> Option<ListedCard> {
    let (number, rest) = line.split_once('[')?;
    let (id, rest) = rest.split_once("]: ")?;
    let (driver, name) = rest.split_once(" - ")?;
    Some(ListedCard {
        number: number.trim().parse().ok()?,
        id: id.trim_end().to_string(),
        driver: driver.to_string(),
        name: name.to_string(),
    })
}

/// Returns the module of a card, as `/proc/asound/modules` has it (` 0 snd_aloop_rs`).
pub fn module_of(text: &str, card: u32) -> Option<&str> {
    let mut lines = text.lines().filter_map(|line| line.trim().split_once(' '));
    lines
        .find(|(number, _)| number.parse() == Ok(card))
        .map(|(_, module)| module.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARDS: &str = include_str!("samples/cards");

    #[test]
    fn cards_are_found() {
        let cards = parse(CARDS);
        assert_eq!(cards.len(), 3);
        assert_eq!(
            (
                cards[0].number,
                cards[0].id.as_str(),
                cards[0].driver.as_str()
            ),
            (0, "Loopback", "Loopback")
        );
        assert_eq!(cards[1].driver, "HDA-Intel");
        assert_eq!((cards[2].number, cards[2].name.as_str()), (12, "A - B"));
        assert!(parse("--- no soundcards ---\n").is_empty());
        assert!(parse(" x [y]: z\n[]: - \n").is_empty());
    }

    #[test]
    fn modules_are_found() {
        let text = " 0 snd_aloop_rs\n12 snd_aloop\n";
        assert_eq!(module_of(text, 0), Some("snd_aloop_rs"));
        assert_eq!(module_of(text, 12), Some("snd_aloop"));
        assert_eq!(module_of(text, 1), None);
    }
}
