/** Lists the faults that a command found, each with the command that repeats the fault. */
import type * as Table from "./Table.js"

export interface Finding {
  readonly seed: number
  /** Options besides the section and the seed, for example `--faults "restart"`. */
  readonly options?: string
  readonly problem: string
}

/** Returns a table of the findings of one section. None if there are none. */
export const tables = ({ command, findings, section }: {
  readonly command: string
  readonly section: string
  readonly findings: ReadonlyArray<Finding>
}): ReadonlyArray<Table.Table> =>
  findings.length === 0 ? [] : [{
    title: `Findings of ${section}`,
    head: ["repeat by", "problem"],
    rows: findings.map(({ options, problem, seed }) => [
      [`npm run ${command} -- --only ${section}`, options, `--first ${seed} --runs 1`].filter(Boolean).join(" "),
      problem
    ])
  }]
