/** The keyboard. A key alone does something unless a field or a dialog has the focus. */
import type { Dom } from "./dom.js"

export const makeKeys = ({ dialog }: Dom, keys: Readonly<Record<string, () => unknown>>, close: () => void) => {
  const isTyping = (target: EventTarget | null): boolean =>
    target instanceof HTMLElement && target.closest("input, textarea, select, dialog") !== null

  document.addEventListener("keydown", (event) => {
    const { altKey, ctrlKey, key, metaKey, target } = event
    if (altKey || ctrlKey || metaKey || event.defaultPrevented || document.querySelector("dialog[open]") !== null) {
      return
    }
    if (key === "Escape") return close()
    const handle = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (handle === undefined || isTyping(target)) return
    event.preventDefault()
    void handle()
  })

  for (const element of document.querySelectorAll<HTMLElement>("[data-close]")) {
    element.addEventListener("click", () => element.closest("dialog")?.close())
  }

  return { showHelp: () => dialog("help").showModal() }
}
