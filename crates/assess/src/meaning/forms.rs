//! Forms that a single value can prove: checksums, formats and lists of known codes.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Whether text is an IBAN with a right checksum (ISO 13616: the remainder by 97 is 1). Blanks between groups and small
/// letters are fine.
pub(super) fn is_iban(text: &str) -> bool {
    let compact: String = text.chars().filter(|c| *c != ' ').collect();
    let (Some(country), true) = (compact.get(..2), (15..=34).contains(&compact.len()) && compact.is_ascii()) else { return false };
    if !country.bytes().all(|byte| byte.is_ascii_alphabetic()) || !compact.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let turned = compact.bytes().skip(4).chain(compact.bytes().take(4));
    let remainder = turned.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
    });
    remainder == 1
}

/// Whether text is a payment card number: 13 to 19 digits of a known issuer with a right check digit (Luhn). Blanks and
/// hyphens between groups are fine.
pub(super) fn is_card_number(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter(|c| !matches!(c, ' ' | '-')).map_while(|c| c.to_digit(10)).collect();
    let is_all = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let starts = digits.iter().take(2).fold(0, |number, digit| number * 10 + digit);
    // 3 and 5: American Express, JCB, Diners and Mastercard; 2: Mastercard; 4: Visa; 6: Discover, Maestro, UnionPay.
    let is_issuer = matches!(starts, 22..=27 | 30 | 34..=38 | 40..=49 | 50..=55 | 60..=69);
    is_all && is_issuer && (13..=19).contains(&digits.len()) && luhn(&digits)
}

/// Whether text is as many digits as a card number has, with a right check digit, whoever issued it.
pub(super) fn has_check_digit(text: &str) -> bool {
    let is_all = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    is_all && (12..=19).contains(&digits.len()) && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let weighed = digits.iter().rev().enumerate().map(|(index, digit)| match (index % 2, digit * 2) {
        (0, _) => *digit,
        (_, doubled) if doubled > 9 => doubled - 9,
        (_, doubled) => doubled,
    });
    weighed.sum::<u32>().is_multiple_of(10)
}

/// Whether text is a telephone number as people write it: 7 to 15 digits with a `+`, brackets or separators.
pub(super) fn is_phone(text: &str) -> bool {
    let text = text.trim();
    let core = text.split(['x', 'X']).next().unwrap_or(text).trim_end().trim_end_matches("ext").trim_end_matches([' ', '.']);
    let digits = core.bytes().filter(u8::is_ascii_digit).count();
    let is_clean = core.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | '-' | '.' | ' ' | '/'));
    let groups = core.split(['-', '.', ' ', '/', '(', ')']).filter(|group| !group.is_empty()).count();
    is_clean && (7..=15).contains(&digits) && (core.starts_with('+') || core.starts_with('(') || groups >= 3) && !is_number_or_date(core)
}

/// `1.234.567` and `2026-01-31` have groups of digits, too; so do IP addresses.
fn is_number_or_date(text: &str) -> bool {
    use hw_base::TextShape;
    let shape = TextShape::of(text);
    let is_grouped = text.split('.').skip(1).all(|group| group.len() == 3) && text.contains('.') && !text.contains(['-', '(', '+']);
    let is_plain = matches!(shape, TextShape::Decimal | TextShape::Integer) && !text.starts_with('+');
    matches!(shape, TextShape::Date | TextShape::OtherDate | TextShape::IpAddress) || is_plain || is_grouped
}

/// Whether text is a postcode of one of the forms that no other number has: Britain, Canada, the Netherlands, ZIP+4.
pub(super) fn is_distinct_postcode(text: &str) -> bool {
    matches!(
        hw_base::character_pattern(text.trim()).as_str(),
        "A9 9A+" | "A+9 9A+" | "A+9+ 9A+" | "A9+ 9A+" | "A9A 9A+" | "A+9A 9A+" | "A9A 9A9" | "9+ A+" | "9+-9+"
    ) && has_postcode_length(text.trim())
}

fn has_postcode_length(text: &str) -> bool {
    let parts: Vec<&str> = text.split([' ', '-']).collect();
    match parts[..] {
        [first, second] if first.bytes().all(|byte| byte.is_ascii_digit()) => {
            let is_dutch = first.len() == 4 && second.len() == 2 && second.bytes().all(|byte| byte.is_ascii_uppercase());
            let is_zip = first.len() == 5 && second.len() == 4;
            is_dutch || is_zip
        }
        [first, second] => (2..=4).contains(&first.len()) && second.len() == 3,
        _ => false,
    }
}

/// Whether text could be a postcode of any country, once the name of the column says so.
pub(super) fn may_be_postcode(text: &str) -> bool {
    let text = text.trim();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_clean = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    is_clean && (3..=10).contains(&text.len()) && digits >= 2
}

/// Whether text is a country by its ISO 3166 code of two or three letters.
pub(super) fn is_country_code(text: &str) -> bool {
    is_code(COUNTRIES_2, 2, text) || is_code(COUNTRIES_3, 3, text)
}

/// Whether text is a currency by its ISO 4217 code.
pub(super) fn is_currency_code(text: &str) -> bool {
    is_code(CURRENCIES, 3, text)
}

/// Whether text is one of the codes of `letters` letters in `list`, which are sorted and each followed by a blank.
fn is_code(list: &str, letters: usize, text: &str) -> bool {
    if text.len() != letters || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    let code = |at: usize| list.as_bytes().get(at * (letters + 1)..).and_then(|rest| rest.get(..letters));
    let (mut low, mut high) = (0, list.len() / (letters + 1));
    while low < high {
        let middle = usize::midpoint(low, high);
        if code(middle) < Some(text.as_bytes()) { low = middle + 1 } else { high = middle }
    }
    code(low) == Some(text.as_bytes())
}

/// Whether text reads as the name of a person: two to four words that begin with a capital, perhaps `Last, First`.
pub(super) fn is_person_name(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (2..=4).contains(&words.len()) && words.iter().all(|word| is_name_word(word))
}

/// Whether text reads as a given name or a family name: one or two words that begin with a capital.
pub(super) fn is_name_part(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (1..=2).contains(&words.len()) && words.iter().all(|word| is_name_word(word))
}

/// Whether a word of text is a common given name.
pub(super) fn has_given_name(text: &str) -> bool {
    let mut words = text.split([' ', ',', '.']).filter(|word| !word.is_empty());
    words.any(|word| GIVEN.contains(word.to_ascii_lowercase().as_str()))
}

fn is_name_word(word: &str) -> bool {
    let word = word.trim_end_matches([',', '.']);
    let is_particle =
        matches!(word, "de" | "da" | "di" | "van" | "von" | "der" | "den" | "la" | "le" | "el" | "al" | "bin" | "del" | "dos");
    let has_capital = word.chars().next().is_some_and(char::is_uppercase);
    is_particle || (has_capital && word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '-' | '’' | '.')))
}

/// Whether text reads as a street address: a house number beside words, one of which says street.
pub(super) fn is_address(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split([' ', ',', '.', '\n']).filter(|word| !word.is_empty()).collect();
    let has_number = words.iter().any(|word| word.len() <= 6 && word.starts_with(|c: char| c.is_ascii_digit()));
    let says_street = words
        .iter()
        .any(|word| STREETS.contains(word) || word.ends_with("straße") || word.ends_with("strasse") || word.ends_with("straat"));
    words.len() >= 2 && has_number && says_street
}

const STREETS: &[&str] = &[
    "street",
    "st",
    "avenue",
    "ave",
    "road",
    "rd",
    "lane",
    "ln",
    "drive",
    "dr",
    "boulevard",
    "blvd",
    "court",
    "ct",
    "place",
    "pl",
    "square",
    "terrace",
    "way",
    "highway",
    "hwy",
    "parkway",
    "pkwy",
    "circle",
    "rue",
    "via",
    "viale",
    "piazza",
    "calle",
    "avenida",
    "rua",
    "str",
    "allee",
    "platz",
    "weg",
    "gasse",
    "box",
    "suite",
];

static GIVEN: LazyLock<HashSet<&str>> = LazyLock::new(|| GIVEN_NAMES.split(' ').collect());

const GIVEN_NAMES: &str = "james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph \
jessica thomas sarah charles karen christopher lisa daniel nancy matthew betty anthony margaret mark sandra donald ashley steven kimberly \
paul emily andrew donna joshua michelle kenneth carol kevin amanda brian dorothy george melissa edward deborah ronald stephanie timothy \
rebecca jason sharon jeffrey laura ryan cynthia jacob kathleen gary amy nicholas shirley eric angela jonathan helen stephen anna larry \
brenda justin pamela scott nicole brandon samantha benjamin katherine samuel emma frank ruth gregory christine raymond catherine alexander \
debra patrick rachel jack carolyn dennis janet jerry virginia tyler maria aaron heather jose diane adam julie nathan joyce henry victoria \
zachary kelly peter christina kyle joan ethan evelyn walter lauren noah judith jeremy olivia christian martha keith megan roger cheryl \
terry andrea sean alice gerald jean hans anna klaus ursula lars ingrid pierre marie jean luc sophie carlos juan luis miguel ana carmen \
lucia giovanni francesca marco giulia mohammed ahmed fatima ali omar aisha wei li ming hiroshi yuki kenji raj priya anil sunita ivan olga \
natasha dmitri piotr agnieszka jan eva nils astrid erik karin";

const COUNTRIES_2: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL \
GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR \
LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK \
PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR \
TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW ";

const COUNTRIES_3: &str = "AFG AGO ALB AND ARE ARG ARM ATG AUS AUT AZE BDI BEL BEN BFA BGD BGR BHR BHS BIH BLR BLZ BOL BRA BRB BRN BTN \
BWA CAF CAN CHE CHL CHN CIV CMR COD COG COL COM CPV CRI CUB CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESP EST ETH FIN FJI FRA FSM GAB GBR \
GEO GHA GIN GMB GNB GNQ GRC GRD GTM GUY HKG HND HRV HTI HUN IDN IND IRL IRN IRQ ISL ISR ITA JAM JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO \
LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MOZ MRT MUS MWI MYS NAM NER NGA NIC NLD NOR \
NPL NRU NZL OMN PAK PAN PER PHL PLW PNG POL PRI PRK PRT PRY PSE QAT ROU RUS RWA SAU SDN SEN SGP SLB SLE SLV SMR SOM SRB SSD STP SUR SVK SVN \
SWE SWZ SYC SYR TCD TGO THA TJK TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR URY USA UZB VAT VCT VEN VNM VUT WSM XKX YEM ZAF ZMB ZWE ";

const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD \
IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD \
NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT \
TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL ";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_form: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(is_form(text), "{text}");
        }
        for text in bad {
            assert!(!is_form(text), "{text}");
        }
    }

    #[test]
    fn checksums_tell_account_and_card_numbers() {
        check(
            is_iban,
            &["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"],
            &["DE89370400440532013001", "DE89", "", "äöü0370400440532"],
        );
        check(
            is_card_number,
            &["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444"],
            &["4111111111111112", "1234567890123", "41111111a1111111"],
        );
    }

    #[test]
    fn phones_are_no_dates_and_no_numbers() {
        check(
            is_phone,
            &["+49 89 1234567", "(555) 123-4567", "555-123-4567", "+15551234567", "555-123-4567 x12"],
            &["2026-01-31", "1234567", "1.234.567", "10.0.0.12", "31/01/2026", "12.5", "SKU-12-34-56"],
        );
    }

    #[test]
    fn codes_are_those_of_the_lists() {
        check(is_country_code, &["DE", "US", "DEU", "USA"], &["ZZ", "de", "E ", "D", "EU ", "ABC"]);
        check(is_currency_code, &["EUR", "JPY"], &["EURO", "AAA"]);
        check(is_country_code, &["AD", "ZW"], &["AA", "ZZ"]);
        for (list, letters) in [(COUNTRIES_2, 2), (COUNTRIES_3, 3), (CURRENCIES, 3)] {
            let codes: Vec<&str> = list.split_terminator(' ').collect();
            assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == letters), "a search by halves finds them");
        }
        check(is_distinct_postcode, &["SW1A 1AA", "K1A 0B1", "1012 AB", "90210-1234"], &["12 kg", "AB1", "123-4567", "2026-01"]);
    }

    #[test]
    fn names_and_addresses_read_as_such() {
        check(is_person_name, &["Ada Lovelace", "van der Berg, Jan", "O'Neil Mary-Ann"], &["New York 3", "ada lovelace", "Ada"]);
        check(is_address, &["12 Main St", "Hauptstraße 5", "221B Baker Street, London"], &["Main Street", "12 monkeys", "delivered"]);
    }
}
