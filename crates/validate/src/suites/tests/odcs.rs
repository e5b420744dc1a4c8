//! What is read of contracts of the Open Data Contract Standard.

use super::check;

#[test]
fn contracts_of_the_open_standard_are_read() {
    check(
        r#"
apiVersion: v3.1.0
kind: DataContract
id: x
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - { name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1 }
      - name: email
        logicalType: string
        required: true
        unique: true
        logicalTypeOptions: { maxLength: 50, format: email }
        relationships: [{ to: customers.email }]
        quality:
          - { metric: nullValues, mustBeLessThan: 5, unit: percent }
          - { metric: missingValues, arguments: { missingValues: [null, "N/A"] }, mustBeLessThan: 3, severity: warning, description: why }
          - { type: text, description: verified }
          - { type: sql, query: "SELECT count(*) FROM {object} WHERE {property} = ''", mustBeLessOrEqualTo: 1, dimension: conformity }
          - { type: custom, engine: greatExpectations, implementation: "type: expect_column_values_to_not_be_null\nkwargs: { column: email }" }
    quality:
      - { metric: rowCount, mustBeBetween: [100, 120] }
      - { metric: duplicateValues, mustBe: 0, arguments: { properties: [id, email] } }
slaProperties:
  - { property: latency, value: 4, unit: d, element: orders.at }
  - { property: retention, value: 3, unit: y }
"#,
        &[
            r#"orders properties => [{"schema":{"columns":{"id":["bigint","integer","smallint","tinyint"],"email":"varchar"}}}]"#,
            r#"orders primaryKey(id) => [{"unique":{"columns":["id"]}},{"not_null":{"column":"id"}}]"#,
            r#"orders required(email) => [{"not_null":{"column":"email"}}]"#,
            r#"orders unique(email) => [{"unique":{"column":"email"}}]"#,
            r#"orders maxLength(email) => [{"length":{"column":"email","max":50}}]"#,
            r#"orders format(email) => [{"parses":{"column":"email","as":"email"}}]"#,
            r#"orders relationship(email) => [{"referential":{"columns":["email"],"to":{"table":"customers","columns":["email"]}}}]"#,
            r#"orders quality nullValues(email) => [{"aggregate":{"below":5,"sql":"coalesce(100.0 * count(*) filter (where email is null) / nullif(count(*), 0), 0)"}}]"#,
            r#"orders quality missingValues(email) => [{"expression":{"sql":"not (email is null or email in ('N/A'))","at_most":2,"description":"why","severity":"medium","on_failure":"alert"}}]"#,
            "orders quality text(email) => it is a text for people",
            r#"orders quality sql(email) => [{"query":{"sql":"select * from (select (SELECT count(*) FROM {table} WHERE email = '') as measured) as metric where (measured <= 1) is not true","dimension":"validity"}}]"#,
            r#"orders quality custom(email) => [{"not_null":{"column":"email"}}]"#,
            r#"orders quality rowCount => [{"row_count":{"min":101,"max":119}}]"#,
            r#"orders quality duplicateValues => [{"unique":{"columns":["id","email"]}}]"#,
            r#"orders slaProperties latency(orders.at) => [{"freshness":{"column":"at","within":"4d"}}]"#,
            "- slaProperties retention => `retention` says how long rows are kept, and not that older ones are gone",
        ],
    );
}
