//! What is found in which facts.

use expect_test::{Expect, expect};

use super::{CUSTOMER_ORDERS, assessment};

#[track_caller]
fn check(facts: &str, expected: &Expect) {
    let issues = assessment(facts).findings.into_iter().map(|finding| {
        let issue = finding.issue;
        let examples = if issue.examples.is_empty() { String::new() } else { format!("\n  examples: {}", issue.examples.join(" | ")) };
        let query = if issue.query.is_empty() { String::new() } else { format!("\n  query: {}", issue.query) };
        format!(
            "{:?} {} {} ({}): {}{examples}{query}\n",
            issue.severity,
            issue.dimension.name(),
            issue.code,
            issue.confidence,
            issue.description
        )
    });
    expected.assert_eq(&issues.collect::<String>());
}

#[test]
fn the_blueprints_table_shows_its_flaws() {
    check(
        CUSTOMER_ORDERS,
        &expect![[r#"
            Medium completeness missing_values (1): 80 of 1,000 rows (8 %) have no `customer_id`
              query: select * from shop.orders where customer_id is null
            Medium consistency inconsistent_casing (0.95): 40 of 1,000 rows (4 %) write `status` in another case than a more frequent value
              examples: Delivered | DELIVERED
              query: select * from shop.orders where status in ('Delivered', 'DELIVERED')
            Medium accuracy negative_values (0.8): 20 of 1,000 rows (2 %) are below zero in `total_amount`, whose name says a quantity
              examples: -5 | -20
              query: select * from shop.orders where total_amount < 0
            Medium uniqueness duplicate_rows (1): 10 of 1,000 rows (1 %) equal an earlier row in every column
              query: select order_id, customer_id, status, total_amount, updated_at from (select order_id, customer_id, status, total_amount, updated_at, row_number() over (partition by order_id, customer_id, status, total_amount, updated_at order by order_id) as occurrence from shop.orders) as numbered where occurrence > 1
            Medium uniqueness duplicate_keys (0.9): 10 of 1,000 rows (1 %) repeat the `order_id` of an earlier row, though it looks like a key
              examples: 7 | 8
              query: select order_id, customer_id, status, total_amount, updated_at from (select order_id, customer_id, status, total_amount, updated_at, row_number() over (partition by order_id order by order_id) as occurrence from (select distinct order_id, customer_id, status, total_amount, updated_at from shop.orders) as different where order_id is not null) as numbered where occurrence > 1
        "#]],
    );
}

#[test]
fn spellings_that_are_not_all_known_are_queried_by_their_rows() {
    check(
        "rows 2000
         town text; distinct 122; folded 120; top Oslo*90, Bergen*80
         county text; distinct 120; folded 120; top Agder*90, Nordland*80",
        &expect![[r#"
            Low consistency inconsistent_casing (0.95): at least 2 of 2,000 rows (0.10 %) write `town` in another case than a more frequent value
              query: select * from shop.orders where town in (select spelling from (select spelling, first_value(trim(spelling)) over (partition by lower(trim(spelling)) order by times desc, spelling) as usual from (select town as spelling, count(*) as times from shop.orders where town is not null group by town) as counted) as compared where trim(spelling) <> usual)
        "#]],
    );
}

#[test]
fn clean_data_has_no_issue() {
    check(
        "rows 1000
         id integer; distinct 1000; min 1; max 1000
         country text; distinct 5; folded 5; top Chad*500, Mali*300, Togo*190, Niger*10
         price float; distinct 500; min 1; max 50; quantiles 10 20 30
         created_at timestamp; distinct 900; min 2026-01-01; max 2026-02-28_12:00:00",
        &expect![[""]],
    );
}

#[test]
fn stand_ins_for_missing_values_are_suspicions() {
    check(
        "rows 100
         phone text; distinct 80; empty 3; top N/A*5, unknown*2, 555*2
         weight float; distinct 50; min 1; max 9999; quantiles 10 20 30; top 9999*4, 20*3
         joined date; distinct 50; min 1900-01-01; max 2020-01-01; top 1900-01-01*6
         made date; distinct 12; min 1970-01-01; max 1982-01-01; top 1970-01-01*35, 1971-01-01*29, 1972-01-01*28",
        &expect![[r#"
            Medium completeness disguised_missing (0.85): 10 of 100 rows (10 %) hold a stand-in for a missing `phone`: (blank), N/A, unknown
              examples: (blank) | N/A | unknown
              query: select * from shop.orders where (not regexp_like(phone, '\S') or phone in ('N/A', 'unknown'))
            Medium completeness disguised_missing (0.7): 6 of 100 rows (6 %) hold a stand-in for a missing `joined`: 1900-01-01
              examples: 1900-01-01
              query: select * from shop.orders where cast(joined as date) in (date '1900-01-01')
            Medium completeness disguised_missing (0.6): 4 of 100 rows (4 %) hold a stand-in for a missing `weight`: 9999
              examples: 9999
              query: select * from shop.orders where weight in (9999)
        "#]],
    );
}

#[test]
fn values_that_break_the_form_of_the_others() {
    check(
        "rows 1000
         email text; distinct 900; shapes email*950, other*50; top N/A*10, a@b*5, a@b.example*2
         amount text; distinct 500; shapes integer*600, decimal*350, other*50; top 12.5*9, twelve*4
         day text; distinct 300; shapes date*950, other_date*50; top 2026-01-31*9, 31/01/2026*4
         zip text; distinct 300; shapes integer*950, number_like*50",
        &expect![[r#"
            Medium validity dates_stored_as_text (0.8): all 1,000 values of `day` read as date (blanks and stand-ins aside), but the column holds text
              examples: 2026-01-31 | 31/01/2026
              query: select * from shop.orders where trim(day) <> ''
            Medium validity mixed_formats (0.9): 50 of 1,000 rows (5 %) hold something in `amount` that is no decimal, unlike the other 950
              examples: twelve
              query: select * from shop.orders where trim(amount) !~ '^[-+]?((0|[1-9][0-9]*)[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$' and trim(amount) <> ''
            Medium consistency mixed_date_formats (0.9): 50 of 1,000 rows (5 %) write `day` in another format than the 950 that are of the shape date
              examples: 31/01/2026
              query: select * from shop.orders where (trim(day) ~ '^[0-9]{1,4}(/[0-9]{1,2}/|[.][0-9]{1,2}[.]|-[0-9]{1,2}-)[0-9]{1,4}([ T]|$)' and trim(day) !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])')
            Medium validity malformed_emails (0.95): 40 of 1,000 rows (4 %) hold something in `email` that is no e-mail address
              examples: a@b
              query: select * from shop.orders where trim(email) !~ '^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+$' and trim(email) <> '' and email not in ('N/A')
            Low completeness disguised_missing (0.9): 10 of 1,000 rows (1 %) hold a stand-in for a missing `email`: N/A
              examples: N/A
              query: select * from shop.orders where email in ('N/A')
        "#]],
    );
}

#[test]
fn infinite_numbers_are_called_so() {
    let judged = |top: &str| {
        let judged = assessment(&format!("rows 1000\n amount text; distinct 500; shapes decimal*996, other*4; top 12.5*9, {top}"));
        judged.issues().map(|issue| issue.description.clone()).collect::<Vec<_>>()
    };
    assert_eq!(judged("Inf*3, -Infinity*1"), ["4 of 1,000 rows (0.40 %) hold an infinite number in `amount`"]);
    let others = "4 of 1,000 rows (0.40 %) hold something in `amount` that is no decimal, unlike the other 996";
    assert_eq!(judged("Inf*3, twelve*1"), [others]);
}

#[test]
fn what_all_sampled_rows_have_in_common_is_said_of_these() {
    let status = "status integer; distinct 1; min 1; max 1; top 1*1000";
    let judged = assessment(&format!("rows 1000; sample\n {status}\n age text; distinct 90; shapes integer*1000"));
    let told: Vec<&str> = judged.issues().map(|issue| issue.description.as_str()).collect();
    let age = "all 1,000 sampled values of `age` read as integer (blanks and stand-ins aside), and at most 0.4 % of all rows differ, \
               but the column holds text";
    let status = "every sampled `status` is `1`, and at most 0.4 % of all rows differ; it may be a default that nobody filled in";
    assert_eq!(told, [age, status]);
}

#[test]
fn days_that_lack_a_zero_are_in_no_other_format() {
    let told = |top: &str| {
        let text = format!("rows 365\n day text; distinct 365; shapes date*65, other_date*300; top {top}");
        let findings = assessment(&text).findings.into_iter().filter(|finding| finding.issue.code == "mixed_date_formats");
        findings.map(|finding| (finding.issue.rows, finding.issue.query)).collect::<Vec<_>>()
    };
    assert!(told("2014-10-12*1, 2014-7-1*1, 2014-10-2*1").is_empty());
    let in_iso = "select * from shop.orders where (trim(day) ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$')";
    assert_eq!(told("2014-10-12*1, 2014-7-1*1, 7/1/2014*1"), [(65, in_iso.to_owned())]);
}

#[test]
fn a_repeated_header_line_is_told_once_as_what_it_is() {
    let judged = assessment("rows 305\n amount text; distinct 201; shapes integer*300, other*5; top amount*5, 17*4, 18*4");
    let told: Vec<(&str, &str)> =
        judged.findings.iter().map(|finding| (finding.issue.code.as_str(), finding.issue.description.as_str())).collect();
    let header = "5 of 305 rows (1.64 %) hold the name of the column, as a repeated header line does, in `amount`";
    assert_eq!(told, [("mixed_formats", header)]);
}

#[test]
fn text_that_holds_nothing_but_another_type() {
    check(
        "rows 100
         rating text; distinct 5; shapes integer*100; top 5*60, 4*40
         sold_on text; distinct 50; shapes date*100; min 2026-02-01; max 2026-02-28; top 2026-02-28*4
         dose text; distinct 2; top 10_mg*60, 20_mg*40
         order_no text; distinct 90; shapes integer*100",
        &expect![[r#"
            Medium validity dates_stored_as_text (0.8): all 100 values of `sold_on` read as date (blanks and stand-ins aside), but the column holds text
              examples: 2026-02-28
              query: select * from shop.orders where trim(sold_on) <> ''
            Medium validity numbers_stored_as_text (0.7): the frequent ones of the 100 values of `dose` are numbers with a unit, written `1234 mg` (blanks and stand-ins aside), so the column holds text
              examples: 10 mg | 20 mg
              query: select * from shop.orders where trim(dose) <> ''
            Medium validity numbers_stored_as_text (0.6): all 100 values of `rating` read as integer (blanks and stand-ins aside), but the column holds text
              examples: 5 | 4
              query: select * from shop.orders where trim(rating) <> ''
        "#]],
    );
}

#[test]
fn slips_of_the_pen_and_loose_white_space() {
    check(
        "rows 10000
         status text; distinct 4; folded 4; top delivered*6000, shipped*3990, delivred*8, recalled*2
         city text; distinct 4000; folded 4000; padded 12; non_printing 3; top Oslo_*12",
        &expect![[r#"
            Low consistency padded_values (1): 12 of 10,000 rows (0.12 %) have white space before or after `city`
              examples: "Oslo "
              query: select * from shop.orders where (city ~ '^\s+\S' or city ~ '\S\s+$')
            Low consistency rare_categories (0.75): 8 of 10,000 rows (0.0800 %) hold a rare value of `status` that is nearly a frequent one: `delivred` for `delivered`
              examples: delivred
              query: select * from shop.orders where status in ('delivred')
            Low validity non_printing_characters (0.9): 3 of 10,000 rows (0.0300 %) have control or other non-printing characters in `city`
              query: select * from shop.orders where city ~ '[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{A0}\x{AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}\x{FEFF}\x{FFFD}]'
        "#]],
    );
}

#[test]
fn blanks_hide_no_padded_value_and_empty_ones_no_blank() {
    check(
        "rows 1000
         city text; distinct 900; folded 900; empty 20; blank 30; padded 10; shapes other*950, blank*50; top Oslo_*9",
        &expect![[r#"
            Medium completeness disguised_missing (0.95): 50 of 1,000 rows (5 %) hold a stand-in for a missing `city`: (blank)
              examples: (blank)
              query: select * from shop.orders where not regexp_like(city, '\S')
            Low consistency padded_values (1): 10 of 1,000 rows (1 %) have white space before or after `city`
              examples: "Oslo "
              query: select * from shop.orders where (city ~ '^\s+\S' or city ~ '\S\s+$')
        "#]],
    );
}

#[test]
fn fences_of_decimals_are_compared_as_floats() {
    check(
        "rows 1000
         price decimal; distinct 500; min 1; max 5000; quantiles 10 20 30; histogram 0 5000 997 0 0 0 0 0 0 3",
        &expect![[r#"
            Low accuracy outliers (0.4): about 3 of 1,000 rows (0.30 %) are outside -50 to 90 in `price`, more than 3 interquartile ranges beyond the quartiles
              examples: 5000
              query: select * from shop.orders where (cast(price as double) < -50 or cast(price as double) > 90)
        "#]],
    );
}

#[test]
fn codes_that_are_none() {
    check(
        "rows 100
         currency text; distinct 7; folded 7; top EUR*40, USD*30, GBP*10, CHF*9, JPY*6, SEK*3, ZZZ*2
         country text; distinct 7; folded 7; top DE*40, FR*30, IT*10, AT*9, ES*6, NL*3, YU*2",
        &expect![[r#"
            Medium validity invalid_codes (0.85): 2 of 100 rows (2 %) hold something in `currency` that is no code of a currency (ISO 4217, with those of former currencies)
              examples: ZZZ
              query: select * from shop.orders where currency in ('ZZZ')
        "#]],
    );
}

#[test]
fn keys_that_repeat() {
    check(
        "rows 1000
         customer_id integer; distinct 990; top 7*3
         email text; distinct 995; shapes email*1000
         amount float; distinct 960
         invoice_id integer; estimated 985
         ticket_id integer; estimated 960",
        &expect![[r#"
            High uniqueness duplicate_keys (0.7): about 40 of 1,000 rows (4 %) repeat the `ticket_id` of an earlier row, though it looks like a key
              query: select customer_id, email, amount, invoice_id, ticket_id from (select customer_id, email, amount, invoice_id, ticket_id, row_number() over (partition by ticket_id order by ticket_id) as occurrence from shop.orders where ticket_id is not null) as numbered where occurrence > 1
            Medium uniqueness duplicate_keys (0.9): 10 of 1,000 rows (1 %) repeat the `customer_id` of an earlier row, though it looks like a key
              examples: 7
              query: select customer_id, email, amount, invoice_id, ticket_id from (select customer_id, email, amount, invoice_id, ticket_id, row_number() over (partition by customer_id order by customer_id) as occurrence from shop.orders where customer_id is not null) as numbered where occurrence > 1
            Medium uniqueness duplicate_keys (0.7): 5 of 1,000 rows (0.50 %) repeat the `email` of an earlier row, though it looks like a key
              query: select customer_id, email, amount, invoice_id, ticket_id from (select customer_id, email, amount, invoice_id, ticket_id, row_number() over (partition by email order by email) as occurrence from shop.orders where email is not null) as numbered where occurrence > 1
        "#]],
    );
}

#[test]
fn numbers_far_away_and_moments_to_come() {
    check(
        "rows 1000
         price float; distinct 500; min -400; max 5000; quantiles 10 20 30; histogram -400 5000 997 0 0 0 0 0 0 3
         longtail float; distinct 500; min 1; max 5000; quantiles 10 20 80; histogram 0 5000 900 50 30 10 5 5
         created_at timestamp; distinct 500; min 2025-01-01; max 2031-01-01_00:00:00
         due_date date; distinct 500; min 2025-01-01; max 2031-01-01
         currency text; distinct 1; top EUR*1000; min EUR; max EUR",
        &expect![[r#"
            Low accuracy outliers (0.4): about 3 of 1,000 rows (0.30 %) are outside -50 to 90 in `price`, more than 3 interquartile ranges beyond the quartiles
              examples: -400 | 5000
              query: select * from shop.orders where (price < -50 or price > 90)
            Low accuracy future_dates (0.8): at least 1 of 1,000 rows (0.10 %) are more than 1d ahead of now in `created_at`; the latest is 2031-01-01 00:00:00
              examples: 2031-01-01 00:00:00
              query: select * from shop.orders where cast(created_at as timestamp(6)) > cast('2026-03-02 00:00:00' as timestamp(6))
            Low accuracy constant_column (0.2): every `currency` is `EUR`; it may be a default that nobody filled in
              examples: EUR
              query: select distinct currency from shop.orders
        "#]],
    );
}

#[test]
fn old_and_broken_deliveries() {
    check(
        "rows 100; malformed 25
         id integer; distinct 100
         updated_at timestamp; distinct 100; min 2025-01-01; max 2025-06-01_00:00:00",
        &expect![[r#"
            High timeliness stale_data (0.9): the newest `updated_at` is 273.0 days old; 4.6 days would be usual at the pace of the rows
              examples: 2025-06-01 00:00:00
              query: select max(updated_at) as newest from shop.orders
            High validity malformed_records (1): 25 of 125 records (20 %) could not be read as rows
        "#]],
    );
}

#[test]
fn nothing_at_all_is_an_issue() {
    check(
        "rows 0\n id integer",
        &expect![[r#"
        High completeness no_data (1): the dataset has no rows, so nothing vouches for it
    "#]],
    );
    check(
        "rows 0",
        &expect![[r#"
        High completeness no_data (1): the dataset has no columns, so nothing vouches for it
    "#]],
    );
}

#[test]
fn odd_names_are_quoted_in_queries() {
    check(
        "rows 10\n Order!Date date; nulls 1",
        &expect![[r#"
        Medium completeness missing_values (1): 1 of 10 rows (10 %) have no `Order!Date`
          query: select * from shop.orders where "Order!Date" is null
    "#]],
    );
}

#[test]
fn stand_ins_are_told_by_what_the_other_values_are() {
    check(
        "rows 1000
         size text; distinct 90; shapes integer*960, other*40; top 12*300, 14*200, refused*35, ask*5, 13*100
         airbags text; distinct 3; top Driver*400, None*350, Both*250
         country text; distinct 4; top DE*400, NA*100, FR*300, IT*200
         pressure float; distinct 80; min 0; max 122; quantiles 64 72 80; histogram 0 122 35 0 0 30 300 400 200 35; top 70*50, 0*35
         visits integer; distinct 30; min 0; max 40; quantiles 1 4 9; histogram 0 40 300 200 100 100 100 100 50 50; top 0*200
         retries integer; distinct 12; min -1; max 30; negatives 60; quantiles 1 3 5; top 2*200, -1*60",
        &expect![[r#"
            Medium validity numbers_stored_as_text (0.6): all 960 values of `size` read as integer (blanks and stand-ins aside), but the column holds text
              examples: 12 | 14 | 13
              query: select * from shop.orders where trim(size) <> '' and size not in ('ask', 'refused')
            Medium completeness disguised_missing (0.6): 60 of 1,000 rows (6 %) hold a stand-in for a missing `retries`: -1
              examples: -1
              query: select * from shop.orders where retries in (-1)
            Medium completeness disguised_missing (0.75): 40 of 1,000 rows (4 %) hold a stand-in for a missing `size`: refused, ask
              examples: refused | ask
              query: select * from shop.orders where size in ('ask', 'refused')
            Medium completeness disguised_missing (0.5): 35 of 1,000 rows (3.50 %) hold a stand-in for a missing `pressure`: 0
              examples: 0
              query: select * from shop.orders where pressure in (0)
        "#]],
    );
}

#[test]
fn each_of_several_stand_ins_is_told_and_results_are_none() {
    check(
        "rows 1000
         warmth float; distinct 200; min -9999; max 44; negatives 130; quantiles 26 30 33; top -999*90, -9999*40, 30*33
         share integer; distinct 51; min -999; max 50; negatives 290; quantiles -999 15 33; top -999*290, 15*44
         result text; distinct 90; shapes decimal*960, other*40; top 1.5*300, Negative*30, Positive*10",
        &expect![[r#"
            High completeness disguised_missing (0.6): 290 of 1,000 rows (29 %) hold a stand-in for a missing `share`: -999
              examples: -999
              query: select * from shop.orders where share in (-999)
            Medium completeness disguised_missing (0.6): 130 of 1,000 rows (13 %) hold a stand-in for a missing `warmth`: -999, -9999
              examples: -999 | -9999
              query: select * from shop.orders where warmth in (-999, -9999)
            Medium validity mixed_formats (0.9): 40 of 1,000 rows (4 %) hold something in `result` that is no decimal, unlike the other 960
              examples: Negative | Positive
              query: select * from shop.orders where trim(result) !~ '^[-+]?((0|[1-9][0-9]*)[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$' and trim(result) <> ''
        "#]],
    );
}
