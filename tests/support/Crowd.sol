// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Makes many calls in one transaction, in its own name: for tests that need thousands of products of one registrant.
contract Crowd {
    function run(address to, bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; i++) {
            (bool done, bytes memory why) = to.call(calls[i]);
            if (!done) {
                assembly ("memory-safe") {
                    revert(add(why, 32), mload(why))
                }
            }
        }
    }
}
