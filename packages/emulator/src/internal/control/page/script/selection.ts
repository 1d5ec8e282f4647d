/** The chosen row of the list, by mouse and keyboard. */
import type { Dom } from "./dom.js"

export const makeSelection = ({ find }: Dom) => {
  const rows = find("rows")
  let active: string | undefined
  let open: (id: number) => void = () => {}

  const activate = (row: Element | null): void => {
    if (row === null) return
    rows.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false")
    row.setAttribute("aria-selected", "true")
    rows.setAttribute("aria-activedescendant", row.id)
    row.scrollIntoView({ block: "nearest" })
    active = row.getAttribute("data-id") ?? undefined
  }

  const move = (step: 1 | -1): void => {
    rows.focus({ preventScroll: true })
    const row = active === undefined ? null : document.getElementById(`row-${active}`)
    activate(row === null ? rows.firstElementChild : step === 1 ? row.nextElementSibling : row.previousElementSibling)
  }

  const openActive = (): void => {
    if (active !== undefined && document.getElementById(`row-${active}`) !== null) open(Number(active))
  }

  rows.addEventListener("click", ({ target }) => {
    const row = target instanceof Element ? target.closest("[data-id]") : null
    activate(row)
    if (row !== null) openActive()
  })
  rows.addEventListener("keydown", (event) => {
    const edge = event.key === "Home" ? rows.firstElementChild : event.key === "End" ? rows.lastElementChild : undefined
    if (event.key === "ArrowDown") move(1)
    else if (event.key === "ArrowUp") move(-1)
    else if (event.key === "Enter" || event.key === " ") openActive()
    else if (edge !== undefined) activate(edge)
    else return
    event.preventDefault()
  })
  return {
    move,
    isActive: (id: string): boolean => id === active,
    activateId: (id: number): void => activate(document.getElementById(`row-${id}`)),
    onOpen: (listener: (id: number) => void): void => {
      open = listener
    }
  }
}

export type Selection = ReturnType<typeof makeSelection>
