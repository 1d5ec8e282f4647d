/** The kinds of faults, by the words of `feishu-ticket emulator fault`. */

/** The option that gives each field of a fault. */
const options = {
  contentType: "content-type",
  duration: "duration",
  code: "code",
  msg: "msg",
  status: "status",
  resetSeconds: "reset-seconds",
  headers: "header",
  body: "body",
  by: "by",
  after: "after"
} as const

export type Field = keyof typeof options

export interface Kind {
  readonly tag: string
  /** Goes wrong with calls of the app to the platform, or with pushes of the platform to the app. */
  readonly with: "calls" | "pushes"
  readonly needs: ReadonlyArray<Field>
  readonly takes: ReadonlyArray<Field>
}

const call = (tag: string, needs: ReadonlyArray<Field> = [], takes: ReadonlyArray<Field> = []): Kind => ({
  tag,
  with: "calls",
  needs,
  takes
})

const push = (tag: string, needs: ReadonlyArray<Field> = []): Kind => ({ tag, with: "pushes", needs, takes: [] })

export const kinds = {
  drop: call("Drop"),
  cut: call("Cut"),
  "cut-json": call("CutJson"),
  "content-type": call("ContentType", ["contentType"]),
  delay: call("Delay", ["duration"]),
  refuse: call("Refuse", ["code"], ["msg", "status", "resetSeconds"]),
  answer: call("Answer", ["status"], ["headers", "body"]),
  lost: push("Lost"),
  late: push("Late", ["by"]),
  held: push("Held"),
  doubled: push("Doubled", ["after"]),
  replayed: push("Replayed", ["after"]),
  forged: push("Forged"),
  tampered: push("Tampered")
} as const satisfies Record<string, Kind>

export type Name = keyof typeof kinds

export const names = Object.keys(kinds) as ReadonlyArray<Name>

/** Returns the option of a field. */
export const optionOf = (field: Field): string => `--${options[field]}`
