import { operation } from './operation.ts';

export const whyPod = operation({
  method: 'GET',
  path: '/why/:pod',
  async run({ pods }, { caller, params: { pod = '' } }) {
    return await pods.why(caller, pod);
  },
});
