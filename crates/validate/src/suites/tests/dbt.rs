//! What is read of dbt.

use super::check;

#[test]
fn tests_of_dbt_are_read() {
    check(
        r#"
version: 2
models:
  - name: orders
    data_tests:
      - dbt_utils.unique_combination_of_columns: { combination_of_columns: [order_id, line] }
      - dbt_utils.expression_is_true: { arguments: { expression: "a >= b" }, config: { severity: warn, where: "c" } }
      - my_macro
    columns:
      - name: order_id
        tests:
          - not_null
          - unique: { config: { error_if: ">10" } }
      - name: status
        tests:
          - accepted_values: { values: [a, b] }
          - accepted_values: { arguments: { values: [1, 2, null], quote: false } }
          - relationships: { to: "ref('statuses')", field: id, error_if: ">= 5", warn_if: "> 1" }
          - dbt_utils.accepted_range: { min_value: 0, inclusive: false }
          - dbt_expectations.expect_column_values_to_be_between: { min_value: 1, strictly: "false" }
          - dbt_expectations.expect_column_values_to_match_regex: { regex: "^a", flags: i, row_condition: "x > 1" }
          - unique: { enabled: false }
          - not_null: { where: "day = '{{ var('day') }}'" }
          - not_null: { arguments: { where: "a > 1", config: { severity: warn }, error_if: ">3" } }
sources:
  - name: shop
    tables:
      - name: raw
        loaded_at_field: at
        freshness: { warn_after: { count: 12, period: hour }, error_after: { count: 2, period: day } }
unit_tests:
  - { name: adds_up, model: orders }
"#,
        &[
            r#"orders dbt_utils.unique_combination_of_columns([order_id,line]) => [{"unique":{"columns":["order_id","line"],"skip_if":"never"}}]"#,
            r#"orders dbt_utils.expression_is_true() => [{"expression":{"sql":"a >= b","where":"c","on_failure":"alert"}}]"#,
            "orders my_macro() => `my_macro` is a macro of the project, which only dbt can run",
            r#"orders not_null(order_id) => [{"not_null":{"column":"order_id"}}]"#,
            r#"orders unique(order_id) => [{"query":{"sql":"select order_id, count(*) as copies from {table} where order_id is not null group by order_id having count(*) > 1","at_most":10}},{"query":{"sql":"select order_id, count(*) as copies from {table} where order_id is not null group by order_id having count(*) > 1","on_failure":"alert"}}]"#,
            r#"orders accepted_values(status) => [{"accepted_values":{"column":"status","values":["a","b"]}}]"#,
            r#"orders accepted_values(status) => [{"accepted_values":{"column":"status","values":[1,2]}}]"#,
            r#"orders relationships(status) => [{"referential":{"column":"status","to":{"table":"statuses","columns":["id"]},"at_most":4}},{"referential":{"column":"status","to":{"table":"statuses","columns":["id"]},"on_failure":"alert","at_most":1}}]"#,
            r#"orders dbt_utils.accepted_range(status) => [{"range":{"column":"status","above":0}}]"#,
            r#"orders dbt_expectations.expect_column_values_to_be_between(status) => [{"range":{"column":"status","above":1}}]"#,
            r#"orders dbt_expectations.expect_column_values_to_match_regex(status) => [{"matches":{"column":"status","pattern":"^a","ignore_case":true,"where":"x > 1"}}]"#,
            "orders unique(status) => it is switched off (`enabled: false`)",
            r#"orders not_null(status) => `where: "day = '{{ var('day') }}'"` is Jinja, and `vars` of dbt_project.yml has no `day`, nor is there a default"#,
            r#"orders not_null(status) => [{"not_null":{"column":"status","where":"a > 1","on_failure":"alert"}}]"#,
            r#"shop.raw freshness error_after => [{"freshness":{"column":"at","within":"2d"}}]"#,
            r#"shop.raw freshness warn_after => [{"freshness":{"column":"at","within":"12h","on_failure":"alert"}}]"#,
            "orders unit test adds_up => it expects nothing",
        ],
    );
    check(
        "-- refunds\nselect * from {{ ref('orders') }} as o join {{ source('shop', 'raw') }} using (id) where o.total < 0;\n",
        &[
            r#"orders test in SQL => [{"query":{"sql":"select * from {table} as o join shop.raw using (id) where o.total < 0","reads":"shop.raw"}}]"#,
        ],
    );
}

#[test]
fn what_dbt_does_not_run_or_runs_elsewhere_is_told() {
    check(
        r#"
version: 2
models:
  - name: orders
    data_tests: [{ dbt_utils.expression_is_true: { expression: "a > 0" } }]
    columns:
      - name: id
        data_tests: [unique]
    versions:
      - v: 1
        columns: [{ include: all }, { name: id, data_tests: [not_null] }]
      - v: 2
        data_tests: [{ dbt_utils.expression_is_true: { expression: "a > -10" } }]
seeds:
  - name: rates
    config: { enabled: false }
    data_tests: [{ unique: { column_name: id } }]
sources:
  - name: shop
    loaded_at_field: at
    config:
      freshness: { warn_after: { count: 1, period: day }, error_after: { count: 5, period: day }, filter: "x > 1" }
    tables:
      - name: some
        freshness: { error_after: { count: 2, period: day } }
      - name: more
        freshness: { warn_after: null }
      - name: none
        freshness: null
      - name: queried
        loaded_at_query: "select max(at) from {{ this }}"
        freshness: { warn_after: null }
      - name: off
        config: { enabled: false }
        columns: [{ name: id, data_tests: [unique] }]
"#,
        &[
            r#"orders dbt_utils.expression_is_true() => [{"expression":{"sql":"a > -10"}}]"#,
            r#"orders unique(id) => [{"unique":{"column":"id"}}]"#,
            "orders the tests of version 1 => they are about the table of that version alone; write them at a model of its own, such as `orders_v1`",
            "rates the tests of the table => the table is switched off (`enabled: false`), and dbt runs none of them",
            r#"shop.some freshness error_after => [{"freshness":{"column":"at","within":"2d","where":"x > 1"}}]"#,
            r#"shop.some freshness warn_after => [{"freshness":{"column":"at","within":"1d","on_failure":"alert","where":"x > 1"}}]"#,
            r#"shop.more freshness error_after => [{"freshness":{"column":"at","within":"5d","where":"x > 1"}}]"#,
            "shop.queried freshness error_after => `loaded_at_query` is SQL for the database of the source; name a column with `loaded_at_field`",
            "shop.off the tests of the table => the table is switched off (`enabled: false`), and dbt runs none of them",
        ],
    );
}

#[test]
fn enforced_contracts_of_dbt_are_read() {
    check(
        r#"
version: 2
models:
  - name: orders
    config: { contract: { enforced: true } }
    columns: [{ name: id, data_type: bigint }, { name: price, data_type: "decimal(10,2)" }]
  - name: older
    contract: { enforced: true }
    columns: [{ name: id }]
  - name: none
    config: { contract: { enforced: "{{ true }}" } }
  - name: loose
    config: { contract: { enforced: false } }
    columns: [{ name: id, data_type: bigint }]
"#,
        &[
            r#"orders contract => [{"schema":{"columns":{"id":"bigint","price":"decimal(10,2)"},"exact":true}}]"#,
            "older contract => the column `id` has no `data_type`, without which dbt builds no table under a contract",
            "none contract => it names no columns, without which dbt builds no table under a contract",
        ],
    );
}
