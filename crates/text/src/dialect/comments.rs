//! Comments above all records, of which the last may be the header.

use memchr::{memchr_iter, memrchr};

use super::agreement::Likely;
use super::header;
use super::sample::{BEGINNING, Sample};
use crate::cells::Cursor;
use crate::split::Marks;

/// What comments begin with, unless the project says it.
const COMMENT: u8 = b'#';

impl Sample<'_> {
    /// The likeliest marks, and the first record below comments and titles. The last comment is none where it names the columns, as
    /// `#chrom,start,end` does, and none is one where all look like records.
    pub(super) fn below_comments(self, delimiter: Option<u8>, usual: Marks) -> Likely {
        let Some((last, end)) = self.comments(usual) else {
            return self.last_comment(delimiter, usual).unwrap_or_else(|| self.below_titles(delimiter, usual));
        };
        let found = self.below(end).below_titles(delimiter, usual).behind(end);
        let fields = found.fields.max(1);
        let is_as_wide = |first| self.below(first).field_counts(found.marks).first() == Some(&fields);
        let rows = self.below(found.first).first_records(found.marks);
        let is_header_below = fields > 1 && header::names_columns(&rows) && header::is_likely(&rows);
        if header::is_certain(&rows) {
            found
        } else if fields > 1 && is_as_wide(last) && header::names_all_columns(&self.below(last).first_records(found.marks)) {
            Likely { first: last, ..found }
        } else if is_as_wide(BEGINNING) && !is_header_below {
            self.below_titles(delimiter, usual)
        } else {
            found
        }
    }

    /// Where the last of the comments above all records begins and where they end, if a record follows.
    fn comments(self, marks: Marks) -> Option<(Cursor, Cursor)> {
        let (mut last, mut end) = (None, BEGINNING);
        for line in self.text.split_inclusive(|byte| *byte == marks.line_end).filter(|_| marks.comment != Some(COMMENT)) {
            match line {
                [COMMENT, ..] => last = Some(end),
                b"\n" | b"\r\n" => {}
                _ => return last.map(|last| (last, end)),
            }
            end = Cursor { at: end.at + line.len(), line: end.line + 1 };
        }
        None
    }

    /// The last of the comments of which a text consists, where it names columns: a table without rows.
    fn last_comment(self, delimiter: Option<u8>, usual: Marks) -> Option<Likely> {
        let mut lines = self.text.split_inclusive(|byte| *byte == usual.line_end);
        if usual.comment == Some(COMMENT) || !lines.all(|line| line.starts_with(&[COMMENT])) {
            return None;
        }
        let text = self.text.strip_suffix(&[usual.line_end]).unwrap_or(self.text);
        let at = memrchr(usual.line_end, text)? + 1;
        let line = 1 + memchr_iter(usual.line_end, &text[..at]).count() as u64;
        let first = Cursor { at, line };
        let found = self.below(first).best(delimiter, usual);
        let above = self.field_counts(found.marks);
        let is_wider = above.iter().rev().skip(1).all(|fields| *fields < found.fields);
        let names_columns = is_wider && header::names_all_columns(&self.below(first).first_records(found.marks));
        names_columns.then_some(Likely { first, ..found })
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::tests::{check, check_titles};

    #[test]
    fn comments_with_delimiters_above_a_header_are_left_out() {
        check_titles("# note, with comma\nid,name\n1,a\n2,b\n", ',', 1, &["id", "name"]);
        check_titles("##fileformat=VCFv4.3\n##x=1,2\n#CHROM\tPOS\tID\n", '\t', 2, &["#CHROM", "POS", "ID"]);
        check_titles("# more\ntime|Land, Ort\n16:47|FR, Lyon\n21:16|DE, Bonn\n", '|', 1, &["time", "Land, Ort"]);
        check_titles("# one, two\n# three, four\nid,name,x\n1,a,5\n2,b,6\n", ',', 2, &["id", "name", "x"]);
        check_titles("# a, b, c, d\n\nid;name\n1;a\n2;b\n", ';', 2, &["id", "name"]);
        check_titles("# a, b, c, d\nid,name\n1,a\n2,b\n", ',', 1, &["id", "name"]);
        check_titles("# export,,\nid,name,x\n1,a,5\n", ',', 1, &["id", "name", "x"]);
        check_titles("##v,1\n##x,2\n#chrom,start\nchr1,5\nchr2,6\n", ',', 2, &["#chrom", "start"]);
        check_titles(&format!("{}id,v\nx,1\ny,2\n", "# a, b\n".repeat(50)), ',', 50, &["id", "v"]);
    }

    #[test]
    fn a_header_that_begins_as_a_comment_does_stays_one() {
        check_titles("#,name,x\n1,ann,5\n2,bob,6\n", ',', 0, &["#", "name", "x"]);
        check_titles("# id,name\nx,ann\ny,bob\n", ',', 0, &["# id", "name"]);
        check_titles("#chrom\tstart\tend\nchr1\t1\t2\nchr2\t3\t4\n", '\t', 0, &["#chrom", "start", "end"]);
        check_titles("#chrom,name,score\nchr1,x,.\nchr2,y,5\n", ',', 0, &["#chrom", "name", "score"]);
        check_titles("#rust,5\n#go,7\n", ',', 0, &["#rust", "5"]);
    }

    #[test]
    fn the_delimiter_below_comments_is_told_by_the_records() {
        let gene = "chr1\tsrc\tgene\t10\t19\t.\t+\t.\tID=g1;Name=n1\n";
        let fields = ["chr1", "src", "gene", "10", "19", ".", "+", ".", "ID=g1;Name=n1"];
        check_titles(&format!("##gff-version 3\n{gene}{gene}"), '\t', 1, &fields);
        check(&format!("##gff-version 3\n{gene}{gene}"), '\t', false, &fields);
        check_titles("# one; two\n#id\tname\ttags\n1\tn1\ta;b\n2\tn2\tc;d\n", '\t', 1, &["#id", "name", "tags"]);
        check_titles("##x=1\n#CHROM\tPOS\tINFO\n1\t100\tDP=1;AF=0.5\n", '\t', 1, &["#CHROM", "POS", "INFO"]);
        check_titles("##x=1\n##y=2\n#CHROM\tPOS\tINFO\n1\t100\tDP=1;A=1\n1\t200\tDP=2;A=2\n", '\t', 2, &["#CHROM", "POS", "INFO"]);
    }

    #[test]
    fn a_header_below_a_comment_of_its_width_is_the_one_above_values() {
        let table = "time,temp,press\n2024-01-01 00:00,1.5,1000\n2024-01-01 01:00,1.7,1001\n";
        check_titles(&format!("# Measured by A, B\n# unit,degC,hPa\n{table}"), ',', 2, &["time", "temp", "press"]);
        check_titles(&format!("# s,degC,hPa\n{table}"), ',', 1, &["time", "temp", "press"]);
        check_titles("#rust\n#go\nfoo\nbar\n", ',', 0, &["#rust"]);
        check_titles("#rust,5\n#go,7\nother,8\n", ',', 0, &["#rust", "5"]);
    }
}
