import type { Guest } from '../guest/guest.ts';
import type { Nap } from '../sleep/sleep.ts';
import type { Run } from './run.ts';
import type { StopStep } from './run-steps.ts';

/** What an owner is told, by others or by its own work. */
export type OwnerEvent =
  | { readonly on: 'pod' }
  | { readonly on: 'done' }
  | { readonly on: 'stop-step'; readonly run: Run; readonly stop: StopStep }
  | { readonly on: 'call'; readonly call: Call }
  | { readonly on: 'nap'; readonly nap: Nap }
  | { readonly on: 'knock'; readonly waiter?: PromiseWithResolvers<void> }
  | { readonly on: 'close'; readonly how: 'stop' | 'leave' };

/** Who wants to use the pod's guest. */
export interface Call {
  readonly resolve: (lease: GuestLease) => void;
  readonly reject: (error: unknown) => void;
}

/** The right to use a pod's guest for a while; a toolbox's VM ends after the last one. */
export interface GuestLease {
  readonly guest: Guest;
  release(): void;
}
