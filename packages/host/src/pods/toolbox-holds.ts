/**
 * The toolboxes that there are. A pod that is to run waits until the one that keeps a volume of its gives it back, which
 * is soon; a toolbox waits for nobody, so that no two wait for each other.
 */
export class ToolboxHolds {
  readonly #holds = new Map<string, PromiseWithResolvers<void>>();

  begin(uid: string): void {
    this.end(uid);
    this.#holds.set(uid, Promise.withResolvers());
  }

  end(uid: string): void {
    this.#holds.get(uid)?.resolve();
    this.#holds.delete(uid);
  }

  /** Resolves once the pod's toolbox is gone; undefined if it has none. */
  over(uid: string): Promise<void> | undefined {
    return this.#holds.get(uid)?.promise;
  }
}
