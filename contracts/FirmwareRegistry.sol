// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// FirmwareRegistry: who may publish firmware for a product, and what they published.
///
/// The registry stores two words per product that matter to a reader: `head`, a rolling digest over the
/// product's log records, and the word beside it, which counts them and names the newest. A reader proves
/// those two words with eth_getProof, takes the logs from anyone, and replays them: what was left out, added,
/// reordered or edited does not give the proven head. Everything else that is stored serves the rules below.
///
/// Nobody owns the registry as a whole; it cannot be upgraded, and no loop runs over stored data.
contract FirmwareRegistry {
    /// Two keys prove a history: keccak256(id ‖ uint256(0)) for `head`, and the next one for the packed word.
    struct Product {
        bytes32 head;
        // One word, from the low end.
        uint64 sequence; // newest release; 0 before the first
        uint64 floor; // releases below it are revoked
        uint64 lastBlock; // block of the newest entry
        uint32 entries; // log records so far
        uint16 threshold; // signatures a release needs; never 0 for a registered product
        uint16 epoch; // changes of ownership so far
        address owner;
        address pendingOwner;
    }

    uint256 private constant MAX_MANIFEST = 4096;
    uint256 private constant MAX_SIGNERS = 8;
    uint256 private constant MAX_SIGNER = 128;
    uint256 private constant MAX_REASON = 256;
    uint256 private constant MAX_NAME_PART = 32;

    mapping(bytes32 id => Product) private products; // slot 0
    bytes32[] private registered; // slot 1
    // A new owner starts with a new epoch, so that none of the old owner's publishers comes along.
    mapping(bytes32 id => mapping(uint16 epoch => mapping(address => bool))) private publishers; // slot 2

    // `prevBlock` is the block of the product's previous entry (0 for the first), so that a history can be
    // walked back from `lastBlock` without scanning.
    event ProductRegistered(
        bytes32 indexed product, address indexed registrant, uint64 prevBlock, uint64 time, string name
    );
    event SignersChanged(bytes32 indexed product, uint64 prevBlock, uint64 time, uint16 threshold, bytes[] signers);
    event PublisherChanged(
        bytes32 indexed product, address indexed publisher, uint64 prevBlock, uint64 time, bool allowed
    );
    event ReleasePublished(
        bytes32 indexed product,
        uint64 indexed sequence,
        address indexed publisher,
        uint64 prevBlock,
        uint64 time,
        bytes manifest
    );
    event ReleaseRevoked(
        bytes32 indexed product, uint64 indexed sequence, uint64 prevBlock, uint64 time, string reason
    );
    event FloorRaised(bytes32 indexed product, uint64 indexed floor, uint64 prevBlock, uint64 time, string reason);
    event OwnershipTransferred(
        bytes32 indexed product, address indexed from, address indexed to, uint64 prevBlock, uint64 time
    );

    /// A name is vendor/model, each part [a-z0-9][a-z0-9._-]{0,31}.
    error BadName(string name);
    error AlreadyRegistered(bytes32 product, address owner);
    error UnknownProduct(bytes32 product);
    error NoSuchIndex(uint256 index, uint256 count);

    error NotOwner(bytes32 product, address sender);
    error NotPublisher(bytes32 product, address sender);
    error NotOwnerOrPublisher(bytes32 product, address sender);
    error NotPendingOwner(bytes32 product, address sender);

    error BadSignerCount(uint256 count, uint256 max);
    error BadSignerLength(uint256 index, uint256 length, uint256 max);
    error DuplicateSigner(uint256 first, uint256 second);
    error BadThreshold(uint16 threshold, uint256 signers);
    error PublisherUnchanged(bytes32 product, address publisher, bool allowed);

    error BadManifestLength(uint256 length, uint256 max);
    error WrongSequence(bytes32 product, uint64 given, uint64 expected);
    error NoSuchRelease(bytes32 product, uint64 sequence, uint64 newest);
    error FloorNotRaised(bytes32 product, uint64 given, uint64 present);
    error FloorTooHigh(bytes32 product, uint64 given, uint64 max);
    error ReasonTooLong(uint256 length, uint256 max);

    error LastEpoch(bytes32 product, uint16 epoch);
    error HistoryFull(bytes32 product, uint32 entries);
    error UnknownFunction(bytes4 selector);
    error NotPayable(uint256 value);

    modifier onlyOwner(bytes32 id) {
        Product storage p = known(id);
        if (msg.sender != p.owner) revert NotOwner(id, msg.sender);
        _;
    }

    modifier onlyOwnerOrPublisher(bytes32 id) {
        Product storage p = known(id);
        if (msg.sender != p.owner && !publishers[id][p.epoch][msg.sender]) {
            revert NotOwnerOrPublisher(id, msg.sender);
        }
        _;
    }

    // ---- a product and who may act for it ----

    /// Registers msg.sender's product of this name, with msg.sender as owner and first publisher.
    function register(string calldata name, uint16 threshold, bytes[] calldata signers)
        external
        returns (bytes32 id)
    {
        checkName(name);
        checkSigners(threshold, signers);
        id = productId(msg.sender, name);
        Product storage p = products[id];
        if (p.threshold != 0) revert AlreadyRegistered(id, p.owner);

        registered.push(id);
        p.owner = msg.sender;
        append(
            id,
            abi.encodePacked(ProductRegistered.selector, id, word(msg.sender)),
            abi.encode(p.lastBlock, now64(), name)
        );
        putPublisher(id, msg.sender, true);
        putSigners(id, threshold, signers);
    }

    function setSigners(bytes32 id, uint16 threshold, bytes[] calldata signers) external onlyOwner(id) {
        checkSigners(threshold, signers);
        putSigners(id, threshold, signers);
    }

    function setPublisher(bytes32 id, address publisher, bool allowed) external onlyOwner(id) {
        if (isPublisher(id, publisher) == allowed) revert PublisherUnchanged(id, publisher, allowed);
        putPublisher(id, publisher, allowed);
    }

    /// Offers the product to `to`, who takes it with acceptOwnership. Address 0 withdraws the offer. An offer is
    /// not part of the history: it binds nobody.
    function transferOwnership(bytes32 id, address to) external onlyOwner(id) {
        products[id].pendingOwner = to;
    }

    function acceptOwnership(bytes32 id) external {
        Product storage p = known(id);
        address from = p.owner;
        if (msg.sender != p.pendingOwner) revert NotPendingOwner(id, msg.sender);
        if (p.epoch == type(uint16).max) revert LastEpoch(id, p.epoch);

        p.owner = msg.sender;
        p.pendingOwner = address(0);
        p.epoch++;
        append(
            id,
            abi.encodePacked(OwnershipTransferred.selector, id, word(from), word(msg.sender)),
            abi.encode(p.lastBlock, now64())
        );
        putPublisher(id, msg.sender, true);
    }

    // ---- releases ----

    /// Publishes the next release. `manifest` is a signed SUIT envelope; whether its signatures count is for
    /// readers to judge, by the signers of this point of the history.
    function publish(bytes32 id, uint64 sequence, bytes calldata manifest) external {
        Product storage p = known(id);
        if (!publishers[id][p.epoch][msg.sender]) revert NotPublisher(id, msg.sender);
        if (manifest.length == 0 || manifest.length > MAX_MANIFEST) {
            revert BadManifestLength(manifest.length, MAX_MANIFEST);
        }
        // Exactly the next number: else a stolen publisher's key could burn the number space with one call.
        uint64 expected = next(p);
        if (sequence != expected) revert WrongSequence(id, sequence, expected);

        p.sequence = sequence;
        append(
            id,
            abi.encodePacked(ReleasePublished.selector, id, uint256(sequence), word(msg.sender)),
            abi.encode(p.lastBlock, now64(), manifest)
        );
    }

    function revoke(bytes32 id, uint64 sequence, string calldata reason)
        external
        onlyOwnerOrPublisher(id)
    {
        Product storage p = products[id];
        checkReason(reason);
        if (sequence == 0 || sequence > p.sequence) revert NoSuchRelease(id, sequence, p.sequence);
        append(
            id,
            abi.encodePacked(ReleaseRevoked.selector, id, uint256(sequence)),
            abi.encode(p.lastBlock, now64(), reason)
        );
    }

    /// Revokes every release with sequence < floor at once.
    function raiseFloor(bytes32 id, uint64 floor, string calldata reason)
        external
        onlyOwnerOrPublisher(id)
    {
        Product storage p = products[id];
        checkReason(reason);
        if (floor <= p.floor) revert FloorNotRaised(id, floor, p.floor);
        if (floor > next(p)) revert FloorTooHigh(id, floor, next(p));
        p.floor = floor;
        append(
            id,
            abi.encodePacked(FloorRaised.selector, id, uint256(floor)),
            abi.encode(p.lastBlock, now64(), reason)
        );
    }

    // ---- views ----

    /// The stored product; all zeros when there is none.
    function product(bytes32 id) external view returns (Product memory) {
        return products[id];
    }

    function isPublisher(bytes32 id, address who) public view returns (bool) {
        return publishers[id][products[id].epoch][who];
    }

    /// The registrant is part of the id: nobody can take the name that another would use.
    function productId(address registrant, string calldata name) public pure returns (bytes32) {
        return keccak256(abi.encode(registrant, name));
    }

    function productCount() external view returns (uint256) {
        return registered.length;
    }

    /// The id of the product that was registered as number `index`, from 0.
    function ids(uint256 index) external view returns (bytes32) {
        if (index >= registered.length) revert NoSuchIndex(index, registered.length);
        return registered[index];
    }

    receive() external payable {
        revert NotPayable(msg.value);
    }

    fallback() external payable {
        revert UnknownFunction(msg.sig);
    }

    // ---- history ----

    /// The only place that logs: writes one record and extends the product's head by the very same bytes,
    /// so that head and log cannot come to differ. The event declarations above are what `topics` (topic0
    /// first, 2 to 4 of them) and `data` have to fit.
    function append(bytes32 id, bytes memory topics, bytes memory data) private {
        Product storage p = products[id];
        uint32 entries = p.entries;
        if (entries == type(uint32).max) revert HistoryFull(id, entries);

        p.lastBlock = uint64(block.number);
        unchecked {
            p.entries = entries + 1;
        }
        p.head = keccak256(bytes.concat(p.head, topics, keccak256(data)));
        assembly ("memory-safe") {
            let t := add(topics, 32)
            let d := add(data, 32)
            let n := mload(data)
            switch mload(topics)
            case 64 { log2(d, n, mload(t), mload(add(t, 32))) }
            case 96 { log3(d, n, mload(t), mload(add(t, 32)), mload(add(t, 64))) }
            default { log4(d, n, mload(t), mload(add(t, 32)), mload(add(t, 64)), mload(add(t, 96))) }
        }
    }

    function putSigners(bytes32 id, uint16 threshold, bytes[] calldata signers) private {
        Product storage p = products[id];
        p.threshold = threshold;
        append(
            id, abi.encodePacked(SignersChanged.selector, id), abi.encode(p.lastBlock, now64(), threshold, signers)
        );
    }

    function putPublisher(bytes32 id, address publisher, bool allowed) private {
        Product storage p = products[id];
        publishers[id][p.epoch][publisher] = allowed;
        append(
            id,
            abi.encodePacked(PublisherChanged.selector, id, word(publisher)),
            abi.encode(p.lastBlock, now64(), allowed)
        );
    }

    // ---- rules ----

    function known(bytes32 id) private view returns (Product storage p) {
        p = products[id];
        if (p.threshold == 0) revert UnknownProduct(id);
    }

    /// Cannot overflow: every release is also an entry, and entries end at 2^32 - 1.
    function next(Product storage p) private view returns (uint64) {
        unchecked {
            return p.sequence + 1;
        }
    }

    function checkReason(string calldata reason) private pure {
        if (bytes(reason).length > MAX_REASON) revert ReasonTooLong(bytes(reason).length, MAX_REASON);
    }

    function checkSigners(uint16 threshold, bytes[] calldata signers) private pure {
        uint256 n = signers.length;
        if (n == 0 || n > MAX_SIGNERS) revert BadSignerCount(n, MAX_SIGNERS);
        if (threshold == 0 || threshold > n) revert BadThreshold(threshold, n);
        bytes32[] memory seen = new bytes32[](n);
        for (uint256 i = 0; i < n; i++) {
            uint256 length = signers[i].length;
            if (length == 0 || length > MAX_SIGNER) revert BadSignerLength(i, length, MAX_SIGNER);
            seen[i] = keccak256(signers[i]);
            for (uint256 j = 0; j < i; j++) {
                if (seen[j] == seen[i]) revert DuplicateSigner(j, i);
            }
        }
    }

    function checkName(string calldata name) private pure {
        bytes calldata b = bytes(name);
        uint256 parts = 1;
        uint256 length = 0; // of the present part
        for (uint256 i = 0; i < b.length; i++) {
            if (b[i] == "/" && length != 0 && parts == 1) {
                parts = 2;
                length = 0;
            } else if (length < MAX_NAME_PART && (isAlnum(b[i]) || (length != 0 && isMark(b[i])))) {
                length++;
            } else {
                revert BadName(name);
            }
        }
        if (parts != 2 || length == 0) revert BadName(name);
    }

    function isAlnum(bytes1 c) private pure returns (bool) {
        return (c >= "a" && c <= "z") || (c >= "0" && c <= "9");
    }

    function isMark(bytes1 c) private pure returns (bool) {
        return c == "." || c == "_" || c == "-";
    }

    // ---- words ----

    function word(address a) private pure returns (bytes32) {
        return bytes32(uint256(uint160(a)));
    }

    function now64() private view returns (uint64) {
        return uint64(block.timestamp);
    }
}
