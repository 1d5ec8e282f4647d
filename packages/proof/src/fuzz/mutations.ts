/** Ways in which a text, or bytes, of an attacker differ from genuine ones. */
import type { Dice } from "./Dice.js"

/** Values that programs are often wrong about. */
const texts = [
  "__proto__",
  "constructor",
  "toString",
  "null",
  "",
  "\u0000",
  "\\ud800",
  "\ufeff",
  "\u2028",
  "9007199254740993",
  "-0",
  "1e999",
  "NaN",
  "true",
  "[]",
  "{}",
  "张三",
  "🦊",
  "%00",
  "\r\nx-injected: 1"
] as const

const jsonTexts = [
  "null",
  "true",
  "0",
  "-1",
  "1e308",
  "1e999",
  "9007199254740993",
  "\"\"",
  "\"\\ud800\"",
  "\"\\u0000\"",
  "[]",
  "{}",
  "[[]]",
  "{\"__proto__\":{\"token\":\"x\"}}",
  "{\"length\":1e9}"
] as const

/** Texts of the length that hurts: long, or nested deeply. Rare, because each is slow. */
const huge = (dice: Dice): string =>
  dice.pick([
    () => JSON.stringify("x".repeat(1_000_000)),
    () => "[".repeat(100_000),
    () => "[".repeat(5_000) + "]".repeat(5_000),
    () => "{\"a\":".repeat(5_000) + "1" + "}".repeat(5_000),
    () => `[${"0,".repeat(200_000)}0]`,
    () => `{${Array.from({ length: 10_000 }, (_, i) => `"k${i}":0`).join(",")}}`
  ])()

/** Returns a value of the JSON text, with its place. */
const valueIn = (text: string, dice: Dice): readonly [begin: number, end: number] | undefined => {
  const found = [...text.matchAll(/"(?:[^"\\]|\\.)*"(?!\s*:)|-?\d[\d.eE+-]*|true|false|null/g)]
  const [match = undefined] = found.length === 0 ? [] : [found[dice.below(found.length)]]
  return match === undefined ? undefined : [match.index, match.index + match[0].length]
}

/** Changes a JSON text so that it mostly stays JSON. */
export const json = (text: string, dice: Dice): string => {
  const place = valueIn(text, dice)
  const [begin, end] = place ?? [0, 0]
  const replaced = (by: string) => text.slice(0, begin) + by + text.slice(end)
  if (dice.chance(0.002)) return replaced(huge(dice))
  return dice.pick([
    () => replaced(dice.pick(jsonTexts)),
    () => replaced(dice.pick(jsonTexts)),
    () => replaced(JSON.stringify(dice.pick(texts))),
    // A key twice: the first, or the last, may count.
    () =>
      text.replace(
        /\{"/,
        `{"${dice.pick(["token", "type", "app_id", "header", "event", "schema", "encrypt", "uuid"])}":${
          dice.pick(jsonTexts)
        },"`
      ),
    () => text.replace(/\{"/, `{"__proto__":{"token":${dice.pick(jsonTexts)}},"`),
    // Without a key and its value.
    () =>
      text.replace(
        new RegExp(
          `"${
            dice.pick([
              "token",
              "type",
              "app_id",
              "header",
              "event",
              "ts",
              "uuid",
              "event_id",
              "app_ticket",
              "encrypt",
              "schema"
            ])
          }":("[^"]*"|\\d+),?`
        ),
        ""
      ),
    () =>
      text.replace(
        /"(schema|type|event_type)":"[^"]*"/,
        `"$1":${
          JSON.stringify(
            dice.pick([
              "2.0",
              "1.0",
              "app_ticket",
              "event_callback",
              "url_verification",
              "card.action.trigger",
              ...texts
            ])
          )
        }`
      ),
    () => text.slice(0, dice.below(text.length)),
    () => `${text}${dice.pick(["}", ",", " ", "\u0000", "x", text])}`,
    () => text.replaceAll(":", dice.pick([" : ", ":\n", ":\t"])),
    () => `${dice.pick(["\ufeff", " ", "\n", "//\n", ")]}',\n"])}${text}`
  ])()
}

/** Changes a text in any way. */
export const text = (text: string, dice: Dice): string => {
  const at = dice.below(text.length + 1)
  const to = Math.min(text.length, at + dice.below(8))
  return dice.pick([
    () => text.slice(0, at) + dice.pick(texts) + text.slice(at),
    () => text.slice(0, at) + text.slice(to),
    () => text.slice(0, to) + text.slice(at),
    () => text.slice(0, at),
    () => text.slice(at),
    () => dice.pick(texts),
    () => text.toUpperCase(),
    () => `${text}${dice.pick(["=", "==", "A", " ", "%"])}`,
    () => text.replace(/=+$/, ""),
    () => text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << dice.below(7))) + text.slice(at + 1)
  ])()
}

/** Changes bytes in any way. */
export const bytes = (bytes: Uint8Array, dice: Dice): Uint8Array => {
  const at = dice.below(bytes.length + 1)
  const to = Math.min(bytes.length, at + dice.below(16))
  const join = (...parts: ReadonlyArray<Uint8Array>) => Buffer.concat(parts)
  return dice.pick([
    () => {
      const copy = Uint8Array.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8))
      return copy
    },
    () =>
      join(
        bytes.subarray(0, at),
        Uint8Array.of(dice.pick([0, 10, 13, 34, 92, 127, 128, 0xc0, 0xed, 0xff])),
        bytes.subarray(at)
      ),
    () => join(bytes.subarray(0, at), bytes.subarray(to)),
    () => join(bytes.subarray(0, to), bytes.subarray(at)),
    () => bytes.subarray(0, at),
    () => bytes.subarray(at),
    () => join(bytes, bytes)
  ])()
}

/** Changes one to three times. */
export const several = <A>(value: A, change: (value: A, dice: Dice) => A, dice: Dice): A => {
  let changed = value
  for (let i = dice.below(3); i >= 0; i--) changed = change(changed, dice)
  return changed
}
