//! What columns mean, told from names and values.

use super::assessment;

#[track_caller]
fn check(columns: &[(&str, &str)]) {
    for (column, wanted) in columns {
        let judged = assessment(&format!("rows 1000\n{column}"));
        let meaning = &judged.meanings[0];
        assert_eq!(format!("{} {}", meaning.logical_type, meaning.semantic_type), *wanted, "{column}: {meaning:?}");
        assert!((0.0..=1.0).contains(&meaning.semantic_confidence));
    }
}

#[test]
fn values_prove_what_they_are() {
    check(&[
        ("a text; distinct 900; shapes email*990, other*10", "text email"),
        ("a text; distinct 900; shapes uuid*1000", "text uuid"),
        ("a text; distinct 900; shapes ip_address*1000", "text ip_address"),
        (
            "a text; distinct 900; top DE89370400440532013000*1, GB82WEST12345698765432*1, FR1420041010050500013M02606*1, CH9300762011623852957*1, AT611904300234573201*1",
            "text iban",
        ),
        (
            "a text; distinct 9; top 4111111111111111*1, 5555555555554444*1, 378282246310005*1, 6011111111111117*1, 4012888888881881*1",
            "text card_number",
        ),
        ("a text; distinct 900; top +49_89_1234567*1, (555)_123-4567*1, 555-123-4568*1, +15551234567*1, 555-321-4567*1", "text phone"),
        ("a text; distinct 9; top DE*300, FR*200, IT*200, ES*200, US*100", "text country_code"),
        ("a text; distinct 9; top EUR*300, USD*200, CHF*200, JPY*200, GBP*100", "text currency_code"),
        ("a text; distinct 900; top 12_Main_St*1, 5_Oak_Avenue*1, 9_High_Street*1, 77_Park_Road*1, 1_Elm_Lane*1", "text address"),
        ("a text; distinct 900; top SW1A_1AA*1, M1_1AE*1, EC1A_1BB*1, W1A_0AX*1, B33_8TH*1", "text postcode"),
    ]);
}

#[test]
fn names_and_values_prove_it_together() {
    check(&[
        ("zip_code integer; distinct 90; min 10115; max 99998; top 10115*3, 80331*2, 50667*2", "integer postcode"),
        ("first_name text; distinct 90; top Ada*3, Grace*2, Alan*2", "text person_name"),
        ("customer_name text; distinct 900; top Mary_Smith*3, John_Doe*2, Linda_Fox*2", "text person_name"),
        ("product_name text; distinct 900; top Mary_Smith*3, John_Doe*2, Linda_Fox*2", "text name"),
        ("lat float; distinct 900; min 47.1; max 54.9", "float latitude"),
        ("longitude float; distinct 900; min -120.5; max 13.4", "float longitude"),
        ("lat float; distinct 900; min 47.1; max 5400.9", "float measure"),
        ("year integer; distinct 9; min 2015; max 2026", "integer year"),
        ("row integer; distinct 1000; min 1; max 1000", "integer identifier"),
    ]);
}

#[test]
fn little_evidence_proves_little() {
    check(&[
        ("a text; distinct 2; top CA*500, DE*500", "text category"),
        ("state text; distinct 9; top CA*300, AL*200, AZ*200, IL*200, TX*100", "text category"),
        ("a integer; distinct 900; min 1; max 999999; top 4111*1, 5555*1", "integer measure"),
        ("phone float; distinct 900; min -0.8; max 0.9", "float measure"),
        ("delta_lat float; distinct 900; min -1.5; max 2.5", "float measure"),
    ]);
}

#[test]
fn what_tells_about_a_person_is_marked() {
    let judged = assessment("rows 1000\n a text; distinct 900; shapes email*1000\n price float; distinct 90");
    let json = judged.to_json();
    assert_eq!((&json["columns"][0]["is_personal"], &json["columns"][1]["is_personal"]), (&true.into(), &false.into()));
    assert!(judged.to_html().contains("personal data"));
}
