/** Finds, makes and updates elements. Text goes in as text, never as HTML. */

interface Content {
  readonly text?: string
  readonly class?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly children?: ReadonlyArray<Node>
}

export const makeDom = () => {
  const find = <E extends HTMLElement = HTMLElement>(id: string): E => {
    const element = document.getElementById(id)
    if (element === null) throw new Error(`The page has no element ${id}`)
    return element as E
  }

  const input = (id: string) => find<HTMLInputElement>(id)
  const select = (id: string) => find<HTMLSelectElement>(id)
  const dialog = (id: string) => find<HTMLDialogElement>(id)

  const make = <K extends keyof HTMLElementTagNameMap>(tag: K, content: Content = {}): HTMLElementTagNameMap[K] => {
    const element = document.createElement(tag)
    if (content.text !== undefined) element.textContent = content.text
    if (content.class !== undefined) element.className = content.class
    for (const [name, value] of Object.entries(content.attributes ?? {})) element.setAttribute(name, value)
    if (content.children !== undefined) element.append(...content.children)
    return element
  }

  /** Changes a text only if the text is another one, so that a selection in the text stays. */
  const setText = (element: Element, text: string): void => {
    if (element.textContent !== text) element.textContent = text
  }

  const children = new WeakMap<Element, Map<string, HTMLElement>>()

  /** Shows one child for each item. The children of items that stay are kept, so that the focus stays. */
  const showList = <A>(parent: HTMLElement, items: ReadonlyArray<A>, options: {
    readonly key: (item: A) => string
    readonly make: (item: A) => HTMLElement
    readonly update?: (child: HTMLElement, item: A) => void
  }): void => {
    const before = children.get(parent) ?? new Map<string, HTMLElement>()
    const after = new Map<string, HTMLElement>()
    for (const item of items) {
      const key = options.key(item)
      const child = before.get(key) ?? options.make(item)
      options.update?.(child, item)
      after.set(key, child)
    }
    for (const [key, child] of before) if (!after.has(key)) child.remove()
    let index = 0
    for (const child of after.values()) {
      if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null)
      index++
    }
    children.set(parent, after)
  }

  const onClick = (id: string, handle: () => unknown): void => find(id).addEventListener("click", () => void handle())

  const onSubmit = (id: string, handle: () => unknown): void =>
    find(id).addEventListener("submit", (event) => {
      event.preventDefault()
      void handle()
    })

  /** Shows a sentence in an `output`, which a screen reader reads. */
  const say = (id: string, sentence: string, tone: "" | "good" | "bad" = ""): void => {
    const output = find(id)
    output.className = tone
    output.textContent = sentence
  }

  return { find, input, select, dialog, make, setText, showList, onClick, onSubmit, say }
}

export type Dom = ReturnType<typeof makeDom>
