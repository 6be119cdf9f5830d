import { operation } from './operation.ts';

export const sleepPod = operation({
  method: 'POST',
  path: '/pods/:pod/sleep',
  async run({ pods }, { caller, params: { pod = '' } }) {
    await pods.sleep(caller, pod);
  },
});

export const wakePod = operation({
  method: 'POST',
  path: '/pods/:pod/wake',
  async run({ pods }, { caller, params: { pod = '' } }) {
    await pods.wake(caller, pod);
  },
});
