//! Codes that a check digit or a list proves: which values of a column of them are none.

use std::collections::BTreeMap;

use hw_base::{CodedColumn, ColumnType};

use super::forms::{has_check_digit, is_country_code, is_currency_code, is_iban};

/// A kind of code of which a single value can be proven wrong.
pub(crate) struct Code {
    /// The semantic type of its columns.
    pub(crate) role: &'static str,
    /// What a wrong value is none of.
    pub(crate) what: &'static str,
    /// How sure it is that a value which does not hold the proof is wrong.
    pub(crate) confidence: f64,
    is_valid: fn(&str) -> bool,
    /// The share of the rows that must hold a valid one: of codes in a list, people keep lists of their own.
    least: f64,
    /// Whether it stands in a list: a few values of its own make that another list, and only what is as short as a code is a wrong one.
    is_of_list: bool,
}

/// The codes, by semantic type.
pub(crate) const CODES: &[Code] = &[
    Code {
        role: "iban",
        what: "IBAN with a right checksum (ISO 13616)",
        confidence: 0.95,
        is_valid: is_iban,
        least: 0.9,
        is_of_list: false,
    },
    Code {
        role: "card_number",
        what: "card number with a right check digit (ISO/IEC 7812)",
        confidence: 0.9,
        is_valid: has_check_digit,
        least: 0.9,
        is_of_list: false,
    },
    Code {
        role: "country_code",
        what: "code of a country (ISO 3166, with those of former countries)",
        confidence: 0.8,
        is_valid: is_country,
        least: 0.95,
        is_of_list: true,
    },
    Code {
        role: "currency_code",
        what: "code of a currency (ISO 4217, with those of former currencies)",
        confidence: 0.85,
        is_valid: is_currency,
        least: 0.95,
        is_of_list: true,
    },
];

/// Valid values that are different, at least.
const FEWEST: usize = 5;
/// The share of the different values that may be wrong where codes are those of a list; one may be, however few there are.
const MOST_WRONG: f64 = 0.1;
/// The share of the rows that more different ones may have, which are slips.
const MOST_SLIPS: f64 = 0.02;
/// Letters of a text that is meant as a code of a list; a longer one is a name, or another form, and told as that.
const LONGEST: usize = 4;
/// Values of a coded column that are looked at first: most columns hold no codes.
const FIRST: usize = 200;

/// By semantic type, the values of a coded column that would be wrong if it had that type, with their rows.
pub(crate) fn wrong_codes(column: &CodedColumn) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
    let first = &column.values[..column.values.len().min(FIRST)];
    let may_be = |code: &&Code| first.iter().filter(|text| code.is_wrong(text)).count() * 2 < first.len();
    let likely: Vec<&Code> = CODES.iter().filter(may_be).collect();
    if likely.is_empty() || !matches!(column.kind, ColumnType::Text | ColumnType::Integer) {
        return BTreeMap::new();
    }
    let mut rows = vec![0; column.values.len() + 1];
    column.codes.iter().for_each(|code| rows[*code as usize] += 1);
    let counted: Vec<(&str, u64)> = column.values.iter().map(String::as_str).zip(rows.into_iter().skip(1)).collect();
    likely.into_iter().map(|code| (code.role, code.wrong(&counted))).filter(|(_, wrong)| !wrong.is_empty()).collect()
}

impl Code {
    fn is_wrong(&self, text: &str) -> bool {
        !(self.is_valid)(&text.trim().to_uppercase())
    }

    /// The values that are no such code, with their rows, where nearly all others are; else none. Blanks are none either.
    pub(crate) fn wrong(&self, values: &[(&str, u64)]) -> BTreeMap<String, u64> {
        let said = values.iter().filter(|(text, _)| !text.trim().is_empty());
        let (wrong, valid): (Vec<_>, Vec<_>) = said.partition(|(text, _)| self.is_wrong(text));
        let are_many = wrong.len() > 1 && wrong.len() as f64 > MOST_WRONG * values.len() as f64;
        let is_list_of_its_own = || self.is_of_list && are_many && !are_slips(&wrong, &valid);
        let are_codes = valid.len() >= FEWEST && rows(&valid) >= self.least * (rows(&valid) + rows(&wrong));
        if !are_codes || is_list_of_its_own() {
            return BTreeMap::new();
        }
        let may_be_code = |text: &str| !self.is_of_list || text.trim().chars().count() <= LONGEST;
        wrong.into_iter().filter(|(text, _)| may_be_code(text)).map(|(text, rows)| ((*text).to_owned(), *rows)).collect()
    }
}

fn rows(some: &[&(&str, u64)]) -> f64 {
    some.iter().map(|(_, rows)| *rows as f64).sum()
}

/// Whether wrong values are slips, however much they vary: in few rows, and each in fewer than nearly all valid ones.
fn are_slips(wrong: &[&(&str, u64)], valid: &[&(&str, u64)]) -> bool {
    let mut usual: Vec<u64> = valid.iter().map(|(_, rows)| *rows).collect();
    usual.sort_unstable();
    let rare = usual.get(usual.len() / 10).copied().unwrap_or(0);
    rows(wrong) <= MOST_SLIPS * (rows(wrong) + rows(valid)) && wrong.iter().all(|(_, rows)| *rows < rare)
}

/// Whether text is the code of a country, of a former one, or one that is in use beside ISO 3166.
pub(super) fn is_country(text: &str) -> bool {
    is_country_code(text) || is_among(OTHER_COUNTRIES, text)
}

/// Whether text is the code of a currency, of a former one, or of what is traded like one.
pub(super) fn is_currency(text: &str) -> bool {
    is_currency_code(text) || is_among(OTHER_CURRENCIES, text)
}

fn is_among(list: &str, text: &str) -> bool {
    list.split(' ').any(|code| code == text)
}

/// Reserved and former codes of ISO 3166, those of the European Union, and those of sports federations.
const OTHER_COUNTRIES: &str = "AC AN BU CP CQ CS CT DD DG DY EA EL EU EW EZ FQ FX HV IC JT MI NH NQ NT PC PU PZ RH SF SU TA TP UK UN VD WK XI \
YD YU ZR \
ANT ATB ATF BUR BYS CSK CTE DDR DHY FRO FXX GEL GUF HVO MID NHB NTZ PCI PCZ PUS RHO ROM SCG SUN TMP VDR WAK YMD YUG ZAR \
ABW AIA ALA ASM ATA BES BLM BMU BVT CCK COK CUW CXR CYM ESH FLK GGY GIB GLP GRL GUM HMD IMN IOT JEY MAF MNP MSR MTQ MYT NCL NFK NIU PCN PRI \
PYF REU SGS SHN SJM SPM SXM TCA TKL UMI VGB VIR WLF \
AHO ALG ANG ANZ ARU ASA BAH BAN BAR BER BHU BIZ BOH BOT BRU BUL BUR CAM CAY CGO CHA CHI CRC CRO DEN ESA EUN FIJ FRG GAM GBS GDR GEQ GER GRE \
GRN GUA GUI HAI HON INA IRI ISV IVB KSA KUW LAT LBA LES LIB MAD MAS MAW MGL MON MRI MTN MYA NCA NED NEP NGR NIG OMA PAR PHI PLE POR PUR RSA \
SAM SCO SAA SEY SIN SKN SLO SOL SRI SUD SUI TAH TAN TCH TGA TOG TPE TRI UAE UAR URS URU VAN VIE VIN WAL ENG NIR YAR ZAM ZIM";

/// Former codes of ISO 4217, its codes of funds, metals and tests, and what is traded beside them.
const OTHER_CURRENCIES: &str = "ADP AFA ALK AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BEF BEC BEL BGJ BGK BGL BOP BOV BRB BRC BRE BRN BRR \
BUK BYB BYR CHC CHE CHW CLF CNH CNX COU CSD CSJ CSK CUC CYP DDM DEM ECS ECV EEK ESA ESB ESP FIM FRF GEK GHC GHP GNE GNS GQE GRD GWE GWP \
HRD IEP ILP ILR ISJ ITL LAJ LSM LTL LTT LUC LUF LUL LVL LVR MAF MGF MLF MRO MTL MTP MVQ MXP MXV MZE MZM NIC NLG PEH PEI PES PLZ PTE RHD \
ROK ROL RUR SDD SDP SIT SKK SLL SRG STD SUR SVC TJR TMM TPE TRL UAK UGS UGW USN USS UYI UYN UYP UYW VEB VED VEF VNC XAG XAU XBA XBB XBC \
XBD XCG XDR XEU XFO XFU XPD XPT XRE XSU XTS XUA XXX YDD YUD YUM YUN ZAL ZMK ZRN ZRZ ZWC ZWD ZWG ZWN ZWR BTC ETH GBX LTC RMB USDT XBT XRP";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(role: &str, values: &[(&str, u64)], expected: &[&str]) {
        let code = CODES.iter().find(|code| code.role == role).unwrap();
        let found = code.wrong(values);
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_breaks_the_proof_is_wrong_where_nearly_all_others_hold_it() {
        let ibans = ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606", "NL91ABNA0417164300"];
        let mut ibans: Vec<(&str, u64)> = ibans.into_iter().map(|iban| (iban, 10)).collect();
        ibans.extend([("CH9300762011623852957", 10), ("DE89370400440532013001", 1), (" ", 3)]);
        check("iban", &ibans, &["DE89370400440532013001"]);
        ibans[0].0 = "DE89370400440532013009";
        check("iban", &ibans, &[]);
        let cards = ["4111111111111111", "378282246310005", "5555555555554444", "6011111111111117", "3530111333300000", "4111111111111112"];
        check("card_number", &cards.map(|card| (card, if card.ends_with("112") { 1 } else { 9 })), &["4111111111111112"]);
    }

    #[test]
    fn former_codes_and_lists_of_their_own_are_no_mistakes() {
        let countries = [("DE", 900), ("FR", 800), ("YU", 60), ("CS", 50), ("AN", 40), ("UK", 30), ("de", 20), ("XX", 7)];
        check("country_code", &countries, &["XX"]);
        check("country_code", &[("DE", 9), ("FR", 9), ("IT", 9), ("ES", 9), ("AT", 9), ("Q1", 1), ("Q2", 1)], &[]);
        let slips = [("XQ", 5), ("ZZ", 4), ("QQ", 4), ("EN", 2)];
        let known = "DE FR GB US NL ES IT CH AT BE SE NO DK FI PL CZ PT IE GR HU JP CN";
        let with_slips = |rows: u64| known.split(' ').map(|code| (code, rows)).chain(slips).collect::<Vec<_>>();
        check("country_code", &with_slips(45), &["EN", "QQ", "XQ", "ZZ"]);
        check("country_code", &with_slips(18), &[]);
        check("country_code", &[("GER", 90), ("FRA", 80), ("NED", 50), ("SUI", 40), ("ITA", 40)], &[]);
        check("country_code", &[("Germany", 90), ("France", 80), ("DE", 3)], &[]);
        check("country_code", &[("DEU", 50), ("FRA", 50), ("ITA", 50), ("ESP", 50), ("AUT", 50), ("South Sudan", 1)], &[]);
        check("currency_code", &[("EUR", 900), ("DEM", 80), ("ITL", 60), ("USD", 50), ("XAU", 40), ("ZZZ", 7)], &["ZZZ"]);
        check("currency_code", &[("EUR", 900), ("BGJ", 80), ("GHP", 60), ("USD", 50), ("CHC", 40), ("ZZZ", 7)], &["ZZZ"]);
    }
}
