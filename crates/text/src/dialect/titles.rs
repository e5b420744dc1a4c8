//! Titles above the header, on lines of their own or beside empty fields.

use memchr::memchr;

use super::agreement::{AGREEMENT, Likely};
use super::delimiters::DELIMITERS;
use super::header;
use super::sample::Sample;
use crate::split::Marks;

/// How many records of titles may stand above a header.
const TITLES: usize = 30;

impl Sample<'_> {
    /// The likeliest marks, and the first record below titles.
    pub(super) fn below_titles(self, delimiter: Option<u8>, usual: Marks) -> Likely {
        let found = self.best(delimiter, usual);
        let delimiters = delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
        let titled = delimiters.into_iter().filter_map(|delimiter| self.titled(Marks { delimiter, ..usual }));
        let titled = titled.reduce(|best, other| self.likelier(best, other));
        let best = titled.filter(|titled| titled.agreement > found.agreement).unwrap_or(found);
        self.below_padded_titles(best)
    }

    /// How well the records agree with marks from the first one that is wider than all above it, if those below are as wide as it, and it
    /// is a header above values, or evidently below a title.
    fn titled(self, marks: Marks) -> Option<Likely> {
        let (counts, rows) = (self.field_counts(marks), self.first_records(marks));
        // What stands above others of its own width is a header itself, or rows, but for pairs of a name and its value.
        let is_table = |(head, next): (&Vec<String>, &Vec<String>)| {
            let are_pairs = header::filled(head) <= 2 && next.first().is_some_and(|field| !header::is_value(field));
            head.len() > 1 && head.len() == next.len() && !are_pairs
        };
        if rows.first().zip(rows.get(1)).is_some_and(is_table) {
            return None;
        }
        let is_empty = |row: &Vec<String>| header::filled(row) == 0;
        let is_widest = |at: &usize| counts.iter().zip(&rows).take(*at).all(|(above, row)| *above < counts[*at] || is_empty(row));
        (1..counts.len().min(TITLES + 1)).filter(is_widest).find_map(|at| {
            let first = self.record_at(at, marks);
            let likely = Likely { first, ..self.below(first).agreed(marks) };
            let table = self.below(first).first_records(marks);
            let is_evident = || header::stands_above_values(&table) || (table.len() > 1 && self.is_below_title(likely));
            let is_header = header::names_columns(&table) && is_evident();
            (likely.fields > 1 && likely.agreement >= AGREEMENT && is_header).then_some(likely)
        })
    }

    /// Whether what stands above records that agree in all is no name of a column: an empty line sets it off, or it holds a delimiter that
    /// the records have no use for.
    fn is_below_title(self, likely: Likely) -> bool {
        let (above, below) = (self.text.get(..likely.first.at).unwrap_or_default(), self.below(likely.first));
        let is_of_title_alone = |other: &u8| {
            let is_there = *other != likely.marks.delimiter && memchr(*other, above).is_some();
            is_there && below.agreed(Marks { delimiter: *other, ..likely.marks }).fields == 1
        };
        let is_set_off = likely.fields > 2 && (above.ends_with(b"\n\n") || above.ends_with(b"\n\r\n"));
        likely.agreement >= 1.0 && (is_set_off || DELIMITERS.iter().any(is_of_title_alone))
    }

    /// The same marks below titles beside which all fields are empty, as spreadsheets export them, if a header follows: names above numbers or
    /// dates, or below an empty record that sets the titles off, or those of many columns, if no other record is written as the titles are.
    fn below_padded_titles(self, likely: Likely) -> Likely {
        let below = self.below(likely.first);
        let rows = below.first_records(likely.marks);
        let above = rows.iter().take_while(|row| header::is_padded(row)).count();
        let (titles, table) = rows.split_at(above);
        let [names, records @ ..] = table else { return likely };
        let are_set_off = titles.iter().any(|row| header::filled(row) == 0);
        let are_alone = || !records.iter().any(|row| header::is_padded(row) && header::filled(row) > 0);
        let is_evident = are_set_off || header::stands_above_values(table) || (likely.fields > 2 && are_alone());
        let is_header = names.len() == likely.fields && !records.is_empty() && header::names_columns(table);
        if !(1..=TITLES).contains(&above) || !is_header || !is_evident {
            return likely;
        }
        Likely { first: below.record_at(above, likely.marks), ..likely }.behind(likely.first)
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::tests::{UNKNOWN, check_titles, lines};
    use crate::dialect::{Dialect, KnownDialect};

    #[test]
    fn titles_and_comments_above_a_header_are_none_of_its_records() {
        check_titles("# export of 2026-01-01\n# by user\nid;name\n1;a\n2;b\n3;c\n", ';', 2, &["id", "name"]);
        check_titles("Sales report\nGenerated 2026-01-01 10:00\n\nid;name\n1;a\n2;b\n3;c\n", ';', 3, &["id", "name"]);
        check_titles("# c\nname,city\nann,rome\nbob,oslo\n", ',', 1, &["name", "city"]);
        check_titles("Report\nid,2024,2025\nx,1,2\ny,3,4\nz,5,6\n", ',', 1, &["id", "2024", "2025"]);
        check_titles("Report\nid,2024,2025\n1,1,2\n2,3,4\n3,5,6\n", ',', 1, &["id", "2024", "2025"]);
        let rows = (0..50).map(|row| format!("{row};x;{row},5\n")).collect::<Vec<_>>().concat();
        check_titles(&format!("Quelle: Amt, 2020\nid;name;wert\n{rows}"), ';', 1, &["id", "name", "wert"]);
        check_titles(&format!("# c\nid;name;wert\n{rows}"), ';', 1, &["id", "name", "wert"]);
    }

    #[test]
    fn titles_beside_empty_fields_are_left_out() {
        check_titles("Overview,,\nid,name,amount\n1,a,5\n2,b,6\n", ',', 1, &["id", "name", "amount"]);
        check_titles("Sales report 2024;;;\n;;;\nId;Name;Ort;\n1;a;Rom;\n2;b;Oslo;\n", ';', 2, &["Id", "Name", "Ort", ""]);
        check_titles("\"Sales, 2024\",,\n\nBy user,,\n,,\nname,city,land\nann,rome,it\n", ',', 4, &["name", "city", "land"]);
        check_titles("Kunden;;\nName;Ort;Land\nAnn;Rom;IT\nBob;Oslo;NO\n", ';', 1, &["Name", "Ort", "Land"]);
        check_titles("Stock,\nitem,pieces\nx,1\ny,2\n", ',', 1, &["item", "pieces"]);
        check_titles("People,\n,\nname,city\nann,rome\n", ',', 2, &["name", "city"]);
        check_titles("Overview,,\nRegion,2023,2024\nNord,1,2\nWest,3,4\n", ',', 1, &["Region", "2023", "2024"]);
    }

    #[test]
    fn a_header_with_few_names_is_no_title() {
        check_titles(",value\na,x\nb,y\n", ',', 0, &["", "value"]);
        check_titles(",value\nname,5\nb,6\n", ',', 0, &["", "value"]);
        check_titles(",,total\na,x,n\nb,y,5\n", ',', 0, &["", "", "total"]);
        check_titles("name,\nann,x\nbob,y\n", ',', 0, &["name", ""]);
        check_titles("id,,\n1,a,b\n2,c,d\n", ',', 0, &["id", "", ""]);
        check_titles("name,city,note\nann,,\nbob,rome,x\n", ',', 0, &["name", "city", "note"]);
        check_titles("value\nx\ny\n", ',', 0, &["value"]);
        check_titles("Overview,,\nann,rome,x\n", ',', 0, &["Overview", "", ""]);
    }

    #[test]
    fn a_first_record_that_is_no_title_stays_the_header() {
        check_titles("comment\nhello, world\nfoo, bar\nbaz, qux\n", ';', 0, &["comment"]);
        check_titles("address\nMain street, 5\nOther street, 7\nThird street, 9\n", ';', 0, &["address"]);
        check_titles("name,born\nann,unknown,\nbob,1980,\neva,1990,\n", ',', 0, &["name", "born"]);
        check_titles("a,b\n7,8\n7,8\n7,8\na,b,c\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n9,10,11\n", ',', 0, &["a", "b"]);
        check_titles("time,msg\n08:00,start\n08:01,error,code\n08:02,1,2\n08:03,1,3\n", ',', 0, &["time", "msg"]);
        check_titles("s1\ns2,09:30,bad,x\ns3,1,2,3\ns4,1,2,3\ns5,1,2,3\n", ';', 0, &["s1"]);
        let known = KnownDialect { may_have_titles: false, ..UNKNOWN };
        assert_eq!(Dialect::detect(b"# c\nid;name\n1;a\n2;b\n", true, known).above, 0);
    }

    #[test]
    fn padded_records_are_no_titles_without_evidence() {
        check_titles("Name,,\nAnna,Bonn,a@x.de\nBert,,\nCara,Ulm,c@x.de\n", ',', 0, &["Name", "", ""]);
        check_titles("key;;;\nalpha;;;\nbeta;;;\ngamma;Berlin;Paris;Rome\ndelta;;;\n", ';', 0, &["key", "", "", ""]);
        check_titles("Name,,\nAnna,Bonn,a@x.de\nCara,Ulm,c@x.de\n", ',', 0, &["Name", "", ""]);
        check_titles("Report;;;\nNr;Name;Name;PLZ\n1;Anna;Bonn;53111\n2;Bert;Ulm;89073\n", ';', 1, &["Nr", "Name", "Name", "PLZ"]);
    }

    #[test]
    fn a_title_above_a_header_with_a_date_or_without_a_name_is_left_out() {
        check_titles(&format!("Title\n,b,c\n{}", lines("1,2,#")), ',', 1, &["", "b", "c"]);
        let dates = &["region", "2023-01-31", "2023-02-28"];
        check_titles(&format!("Title\nregion,2023-01-31,2023-02-28\n{}", lines("R#,2,3")), ',', 1, dates);
        check_titles("Title\na,b,c,\n1,2,3,\n4,5,6,\n", ',', 1, &["a", "b", "c", ""]);
    }

    #[test]
    fn statements_of_banks_are_read_below_their_titles() {
        let german = format!("\"Konto:\";\"DE1\";\n\n\"Tag\";\"Text\";\"Betrag\";\n{}", lines("\"10.02.2024\";\"Kauf\";\"-#,50\";"));
        check_titles(&german, ';', 2, &["Tag", "Text", "Betrag", ""]);
        let titles = "Compte n°;000123;\nDébut;01/01/2024;\nSolde au 31/01/2024;1 234,56 EUR;\n\n";
        let french = format!("{titles}Date;Libellé;Débit;Crédit;\n{}", lines("02/01/2024;CARTE;-#,50;;"));
        check_titles(&french, ';', 4, &["Date", "Libellé", "Débit", "Crédit", ""]);
        let titles = "IBAN;DE12 5001 0517\nBank;ING\nSaldo;1.234,56;EUR\n\nIn der Datei, wie gebucht, steht alles.\n\n";
        let short = format!("{titles}Buchung;Text;Saldo;Währung;Betrag;Währung\n30.04.2024;REWE;1.234,56;EUR;-45,10;EUR\n");
        check_titles(&short, ';', 6, &["Buchung", "Text", "Saldo", "Währung", "Betrag", "Währung"]);
        check_titles("a,b\n7,8\n7,8\nx,y,z\n1,2,3\n4,5,6\n7,8,9\n", ',', 0, &["a", "b"]);
    }

    #[test]
    fn titles_that_hold_another_delimiter_or_are_set_off_stand_above_texts() {
        let table = "name;city;land\nann;rome;it\nbob;oslo;no\n";
        let names = &["name", "city", "land"];
        check_titles(&format!("Report, Q1, 2024\n{table}"), ';', 1, names);
        check_titles(&format!("Report, Q1, 2024\nStand: 1, 2, 3\n{table}"), ';', 2, names);
        check_titles(&format!("Report\n\n{table}"), ';', 2, names);
        check_titles(&format!("Report\r\n\r\n{}", table.replace('\n', "\r\n")), ';', 2, names);
        check_titles(&format!("Report\n{table}"), ',', 0, &["Report"]);
        let statistics = "Table: 12411\n\nPeople: Germany, day\n;;\nday;people;unit\n31.12.2019;831;n\n31.12.2020;832;n\n";
        check_titles(&format!("{statistics}_____\n(c) Office\n"), ';', 4, &["day", "people", "unit"]);
        check_titles("name\n\nDoe;Ann\nRoe;Jan\n", ',', 0, &["name"]);
        check_titles("id;text\n1;a,b\n2;c,d;e\n3;f,g\n", ';', 0, &["id", "text"]);
    }
}
