/** The numbers of FedCM, each with its reason. */

/** Sites that are told to the browser as known, the newest first: all of them is a page of addresses with each look. */
export const MAX_FEDCM_APPROVED_CLIENTS = 200
