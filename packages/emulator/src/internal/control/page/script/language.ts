/** The language of the page: the saved one, or that of the browser. */
import type { Key, Words } from "../words.js"

export const makeLanguage = (words: Words) => {
  const name = "emulator-language"

  // The browser may forbid storage.
  const read = (): string | null => {
    try {
      return localStorage.getItem(name)
    } catch {
      return null
    }
  }
  const save = (language: string): void => {
    try {
      localStorage.setItem(name, language)
    } catch {
      // The language stays until the page is closed.
    }
  }

  const saved = read()
  let language: "en" | "zh" = saved === "en" || saved === "zh"
    ? saved
    : navigator.language.toLowerCase().startsWith("zh")
    ? "zh"
    : "en"
  const listeners: Array<() => void> = []

  const t = (key: Key, values: Readonly<Record<string, string | number>> = {}): string =>
    words[language][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""))

  const apply = (): void => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en"
    document.title = t("title")
    for (const element of document.querySelectorAll<HTMLElement>("[data-t],[data-t-label],[data-t-placeholder]")) {
      const { t: text, tLabel, tPlaceholder } = element.dataset
      if (text !== undefined) element.textContent = t(text as Key)
      if (tLabel !== undefined) element.setAttribute("aria-label", t(tLabel as Key))
      if (tPlaceholder !== undefined) element.setAttribute("placeholder", t(tPlaceholder as Key))
    }
    for (const listener of listeners) listener()
  }

  /** Formats a duration with its two largest units. */
  const duration = (millis: number): string => {
    const seconds = Math.floor(millis / 1000)
    const parts = [
      ["days", Math.floor(seconds / 86_400)],
      ["hours", Math.floor(seconds / 3600) % 24],
      ["minutes", Math.floor(seconds / 60) % 60],
      ["seconds", seconds % 60]
    ] as const
    const first = parts.findIndex(([_, n]) => n > 0)
    return first === -1
      ? t("seconds", { n: 0 })
      : parts.slice(first, first + 2).filter(([_, n]) => n > 0).map(([unit, n]) => t(unit, { n })).join(" ")
  }

  return {
    t,
    apply,
    duration,
    current: () => language,
    toggle: () => {
      language = language === "en" ? "zh" : "en"
      save(language)
      apply()
    },
    /** Calls the listener after each switch. */
    onChange: (listener: () => void) => void listeners.push(listener)
  }
}

export type Language = ReturnType<typeof makeLanguage>
