/** What one measurement gives: tables to read, claims to check, and curves to draw. */
import type { Claim } from "./Claim.js"
import type { Curve } from "./Curve.js"
import type { Table } from "./Table.js"

export interface Section {
  readonly tables: ReadonlyArray<Table>
  readonly claims: ReadonlyArray<Claim>
  readonly curves?: ReadonlyArray<Curve>
}
