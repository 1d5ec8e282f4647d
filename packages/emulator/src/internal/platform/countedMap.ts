/** A map that counts its changes, so that what is computed from the whole map is computed once for each change. */
export class CountedMap<K, V> extends Map<K, V> {
  changes = 0
  override set(key: K, value: V): this {
    this.changes++
    return super.set(key, value)
  }
  override clear(): void {
    this.changes++
    super.clear()
  }
  override delete(key: K): boolean {
    this.changes++
    return super.delete(key)
  }
}
