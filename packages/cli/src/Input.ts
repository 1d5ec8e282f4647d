/** The options and the words of a command, with the types of their values. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** A value that is typed: how it is read, and what help and completions say about it. */
export interface Kind<out A> {
  readonly placeholder: string
  /** Returns `undefined` for a text that is no such value. */
  readonly read: (text: string) => A | undefined
  /** Says how a text must be. Ends a sentence that begins with the name. */
  readonly must: string
  readonly choices?: ReadonlyArray<string>
  readonly isFile?: boolean
}

/** An option, or a word behind the command. `values` are the texts that were given. */
export interface Input<out A> {
  readonly kind: Kind<unknown> | undefined
  readonly description: string
  readonly isRequired: boolean
  readonly isRepeated: boolean
  readonly of: (values: ReadonlyArray<unknown>) => A
}

export type Inputs = Readonly<Record<string, Input<unknown>>>

/** Returns `retry-for` for `retryFor`. */
export const flagOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** The values with which a command runs. */
export type Values<I extends Inputs> = { readonly [Name in keyof I]: I[Name] extends Input<infer A> ? A : never }

const notEmpty = "must not be empty: give a value, or leave the option out"

export const text = (placeholder: string): Kind<string> => ({
  placeholder,
  read: (text) => text === "" ? undefined : text,
  must: notEmpty
})

export const url = text("url")

/** The path of a file, or `-` for standard input where the description says so. */
export const file: Kind<string> = { ...text("file"), isFile: true }

/** Reads one of these words. */
export const choice = <const Choices extends ReadonlyArray<string>>(
  choices: Choices,
  placeholder = "choice"
): Kind<Choices[number]> => ({
  placeholder,
  read: (text) => choices.find((choice) => choice === text),
  must: `must be one of ${choices.join(", ")}`,
  choices
})

const numeric = (placeholder: string, isValid: (number: number) => boolean, must: string): Kind<number> => ({
  placeholder,
  read: (text) => text.trim() !== "" && isValid(Number(text)) ? Number(text) : undefined,
  must
})

export const integer = (placeholder: string): Kind<number> =>
  numeric(placeholder, Number.isSafeInteger, "must be a whole number")

export const number: Kind<number> = numeric("number", Number.isFinite, "must be a number")

export const port: Kind<number> = {
  ...numeric("number", () => true, "must be a number from 0 to 65535"),
  read: (text) => /^\d{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined
}

const units = { ms: "millis", s: "seconds", m: "minutes", min: "minutes", h: "hours" } as const

/** Reads `30s`, `1.5m`, `500ms`. */
export const parseDuration = (text: string): Duration.Duration | undefined => {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m|min|h)$/.exec(text) ?? []
  return number === undefined
    ? undefined
    : Duration.decode(`${Number(number)} ${units[unit as keyof typeof units]}`)
}

export const duration: Kind<Duration.Duration> = {
  placeholder: "duration",
  read: parseDuration,
  must: "must be a number with its unit, for example 30s, 2m or 500ms"
}

const make = <A>(
  kind: Kind<unknown> | undefined,
  description: string,
  of: Input<A>["of"],
  more: Partial<Pick<Input<A>, "isRequired" | "isRepeated">> = {}
): Input<A> => ({ kind, description, isRequired: false, isRepeated: false, of, ...more })

export const flag = (description: string): Input<boolean> => make(undefined, description, (values) => values.length > 0)

export const required = <A>(kind: Kind<A>, description: string): Input<A> =>
  make(kind, description, (values) => values.at(-1) as A, { isRequired: true })

export const optional = <A>(kind: Kind<A>, description: string): Input<Option.Option<A>> =>
  make(kind, description, (values) => Option.fromNullable(values.at(-1) as A | undefined))

export const withDefault = <A>(kind: Kind<A>, value: A, description: string): Input<A> =>
  make(kind, description, (values) => values.length === 0 ? value : values.at(-1) as A)

export const repeated = <A>(kind: Kind<A>, description: string): Input<ReadonlyArray<A>> =>
  make(kind, description, (values) => values as ReadonlyArray<A>, { isRepeated: true })

/** Words behind the command, at least one. */
export const oneOrMore = <A>(kind: Kind<A>, description: string): Input<ReadonlyArray<A>> =>
  make(kind, description, (values) => values as ReadonlyArray<A>, { isRepeated: true, isRequired: true })
