import { constants } from 'node:os';

const names = new Map(
  Object.entries(constants.signals)
    .map(([name, number]) => [number, name] as const)
    .reverse(),
);

/** `SIGTERM` of 15; real-time signals by number from the first one. */
export function signalName(number: number): string {
  return names.get(number) ?? (number >= 34 ? `SIGRTMIN+${number - 34}` : String(number));
}
