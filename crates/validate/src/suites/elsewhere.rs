//! What other tools call the kinds of rules, for the manual.

/// The words of other tools for a kind; empty where one has none, and the rule is written there as SQL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elsewhere {
    /// The kind.
    pub(crate) kind: &'static str,
    /// In Great Expectations, without `expect_` in front.
    pub(crate) great_expectations: &'static str,
    /// In dbt and its packages.
    pub(crate) dbt: &'static str,
    /// In Soda 4; in SodaCL it is a metric of the same name.
    pub(crate) soda: &'static str,
    /// In ODCS.
    pub(crate) odcs: &'static str,
}

const fn words(
    kind: &'static str,
    great_expectations: &'static str,
    dbt: &'static str,
    soda: &'static str,
    odcs: &'static str,
) -> Elsewhere {
    Elsewhere { kind, great_expectations, dbt, soda, odcs }
}

/// One per kind.
pub(crate) const ELSEWHERE: &[Elsewhere] = &[
    words("not_null", "column_values_to_not_be_null", "not_null", "missing", "nullValues, required"),
    words("not_blank", "", "", "", ""),
    words("is_null", "column_values_to_be_null", "dbt_expectations.expect_column_values_to_be_null", "", ""),
    words(
        "unique",
        "column_values_to_be_unique, compound_columns_to_be_unique",
        "unique, dbt_utils.unique_combination_of_columns",
        "duplicate",
        "duplicateValues, unique, primaryKey",
    ),
    words("accepted_values", "column_values_to_be_in_set", "accepted_values", "invalid: valid_values", "invalidValues: validValues"),
    words("rejected_values", "column_values_to_not_be_in_set", "dbt_utils.not_accepted_values", "invalid: invalid_values", ""),
    words(
        "distinct_values",
        "column_distinct_values_to_{be_in, contain, equal}_set",
        "dbt_expectations.expect_column_distinct_values_to_{be_in, contain, equal}_set",
        "",
        "",
    ),
    words("most_common_value", "column_most_common_value_to_be_in_set", "", "", ""),
    words(
        "range",
        "column_values_to_be_between",
        "dbt_utils.accepted_range",
        "invalid: valid_min, valid_max",
        "minimum, maximum, exclusiveMinimum, exclusiveMaximum",
    ),
    words(
        "matches",
        "column_values_to_{not_}match_regex{_list}",
        "dbt_expectations.expect_column_values_to_{not_}match_regex{_list}",
        "invalid: valid_format, invalid_format",
        "invalidValues: pattern, pattern",
    ),
    words(
        "like",
        "column_values_to_{not_}match_like_pattern{_list}",
        "dbt_expectations.expect_column_values_to_{not_}match_like_pattern{_list}",
        "",
        "",
    ),
    words(
        "parses",
        "column_values_to_match_strftime_format, column_values_to_be_json_parseable, column_values_to_be_dateutil_parseable",
        "",
        "",
        "format",
    ),
    words("json_schema", "column_values_to_match_json_schema", "", "", ""),
    words(
        "length",
        "column_value_lengths_to_be_between, column_value_lengths_to_equal",
        "dbt_expectations.expect_column_value_lengths_to_be_between",
        "invalid: valid_length, valid_min_length, valid_max_length",
        "minLength, maxLength",
    ),
    words(
        "compare",
        "column_pair_values_a_to_be_greater_than_b, column_pair_values_to_be_equal",
        "dbt_expectations.expect_column_pair_values_…",
        "",
        "",
    ),
    words("columns_equal", "multicolumn_values_to_be_equal", "", "", ""),
    words(
        "columns_differ",
        "select_column_values_to_be_unique_within_record",
        "dbt_expectations.expect_select_column_values_to_be_unique_within_record",
        "",
        "",
    ),
    words("row_sum", "multicolumn_sum_to_equal", "", "", ""),
    words("accepted_combinations", "column_pair_values_to_be_in_set", "", "", ""),
    words("expression", "", "dbt_utils.expression_is_true, constraint check", "failed_rows: expression", "multipleOf"),
    words("referential", "", "relationships, constraint foreign_key", "invalid: valid_reference_data", "relationships"),
    words("reconcile", "table_row_count_to_equal_other_table", "dbt_utils.equal_rowcount", "row_count same as (SodaCL)", ""),
    words(
        "query",
        "unexpected_rows_expectation",
        "tests in SQL, and most tests of packages over several tables",
        "failed_rows: query, metric: query",
        "type: sql",
    ),
    words(
        "row_count",
        "table_row_count_to_be_between, table_row_count_to_equal",
        "dbt_expectations.expect_table_row_count_to_{be_between, equal}",
        "row_count, change for row_count (SodaCL)",
        "rowCount",
    ),
    words(
        "distinct_count",
        "column_unique_value_count_to_be_between",
        "dbt_expectations.expect_column_unique_value_count_to_be_between",
        "",
        "",
    ),
    words(
        "aggregate",
        "column_{min, max, mean, median, sum, stdev, quantile_values, proportion_of_…}_to_be_between",
        "dbt_utils.not_null_proportion, dbt_expectations.expect_column_…_to_be_between",
        "aggregate, metric: expression",
        "metrics with other limits than a greatest number",
    ),
    words("distribution", "column_kl_divergence_to_be_less_than, column_chisquare_test_p_value_to_be_greater_than", "", "", ""),
    words("z_score", "column_value_z_scores_to_be_less_than", "", "", ""),
    words("outliers", "column_values_to_not_be_outliers", "", "", ""),
    words(
        "ordered",
        "column_values_to_be_{increasing, decreasing}",
        "dbt_expectations.expect_column_values_to_be_{increasing, decreasing}",
        "",
        "",
    ),
    words("sequence", "", "dbt_utils.sequential_values", "", ""),
    words("no_gaps", "", "", "", ""),
    words("no_overlaps", "", "dbt_utils.mutually_exclusive_ranges", "", ""),
    words("freshness", "", "freshness of sources", "freshness", "slaProperties: latency"),
    words(
        "schema",
        "column_to_exist, table_columns_to_match_…, table_column_count_to_…, column_values_to_be_of_type",
        "dbt_expectations.expect_table_columns_to_…",
        "schema",
        "properties with their logicalType",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::RULE_KINDS;

    #[test]
    fn every_kind_is_in_the_list_in_its_place() {
        let listed: Vec<&str> = ELSEWHERE.iter().map(|words| words.kind).collect();
        assert_eq!(listed, RULE_KINDS.iter().map(|kind| kind.name()).collect::<Vec<_>>());
    }
}
